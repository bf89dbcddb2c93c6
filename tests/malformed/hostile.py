"""Malformed files as requests to the service, each route in turn, and requests that are malformed themselves."""

import base64
import gzip
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import Any, Final, final

import orjson

from tests.malformed.case import Case
from tests.malformed.corpus import handmade, mutants
from tests.malformed.handmade_bombs import unfolding
from tests.malformed.handmade_documents import documents, tables, texts
from tests.malformed.handmade_media import bombs, sounds
from tests.malformed.seeds import seed_files

__all__ = ["KINDS", "STORE", "Attack", "attacks", "bomb_attacks", "bomb_cases", "shapeless"]

STORE: Final = "hostile"
ITEMS: Final = f"/v1/stores/{STORE}/items?wait=true"
BATCH: Final = 8
PATIENCE_MS: Final = 60_000
KINDS: Final = {
    "image": ("picture",),
    "audio": ("sound",),
    "video": ("film",),
    "text": ("plain", "notes", "page", "document"),
    "table": ("rows",),
    "sensor": ("trace",),
}
"""Modalities, and how the names of their seeds begin."""
OTHER_BOMBS: Final = {
    "flood.pdf", "lying-picture.pdf", "deep.html", "open-tags.html", "brackets.md", "deep.json", "too-many-cells.csv",
    "lying-length.wav", "lying-length.flac", "eleven-minutes.wav", "huge-tag.mp3", "archive.gz", "too-long.txt",
}  # fmt: skip


LONG: Final = frozenset({"one-line.txt"})
"""Nothing is wrong with a thousand passages but the time that they take, which decoding is tested for elsewhere."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One request, and how many items it holds; zero where the request as a whole is malformed."""

    name: str
    path: str
    body: bytes
    num_items: int
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


@cache
def bomb_cases() -> tuple[Case, ...]:
    """Files that unfold, or claim to: thirty and more."""
    listed = [each for each in (*documents(), *tables(), *texts(), *sounds()) if each.name in OTHER_BOMBS]
    return (*bombs(), *unfolding(), *listed)


def bomb_attacks() -> list[Attack]:
    """Every bomb by itself, over one route after another."""
    routes = cycle((_one_part, _upload, _cohere, _form, _parts))
    return [route([case]) for case, route in zip(bomb_cases(), routes, strict=False)]


def attacks(seed: int, counts: Mapping[str, int]) -> Iterator[Attack]:
    """So many malformed files of each modality, several a request where a route allows it, one route after another."""
    rng = random.Random(seed)
    routes = cycle((_parts, _one_part, _parts, _upload, _parts, _cohere, _parts, _form))
    waiting: list[Case] = []
    route = next(routes)
    for case in _shuffled(rng, counts):
        waiting.append(case)
        if len(waiting) == (1 if route in {_one_part, _cohere} else BATCH):
            yield route(waiting)
            waiting, route = [], next(routes)
    if waiting:
        yield _parts(waiting)


def _shuffled(rng: random.Random, counts: Mapping[str, int]) -> list[Case]:
    others = {case.name for case in bomb_cases()} | LONG
    cases = [case for case in handmade() if case.name not in others]
    for kind, number in counts.items():
        names = sorted(name for name in seed_files() if name.partition(".")[0] in KINDS[kind])
        cases += mutants(rng, names, number)
    rng.shuffle(cases)
    return cases


def _uri(case: Case) -> str:
    return f"data:application/octet-stream;base64,{base64.b64encode(case.data).decode('ascii')}"


def _part(case: Case) -> Any:
    """The part that such a file would come in; what is no text comes as media of some kind."""
    name = case.name.rsplit(".", 1)[-1] if "-" not in case.name else case.name.partition("-")[0]
    if name in {"sound", "wav", "flac", "ogg", "mp3"}:
        data = base64.b64encode(case.data).decode("ascii")
        return {"type": "input_audio", "input_audio": {"data": data or "=", "format": "wav"}}
    if name in {"film", "mp4", "mkv", "avi"}:
        return {"type": "video_url", "video_url": {"url": _uri(case)}}
    if name in {"rows", "csv"} and (text := _text(case)):
        return {"type": "table", "table": text}
    if name in {"trace", "json"} and isinstance(sensor := _json(case), dict):
        return {"type": "sensor", "sensor": sensor}
    if name in {"plain", "notes", "page", "txt", "md", "html"} and (text := _text(case)):
        return text
    return {"type": "image_url", "image_url": {"url": _uri(case)}}


def _text(case: Case) -> str:
    try:
        return case.data.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _json(case: Case) -> object:
    try:
        return orjson.loads(case.data)
    except orjson.JSONDecodeError:
        return None


def _post(name: str, path: str, document: object, num_items: int) -> Attack:
    return Attack(name=name, path=path, body=orjson.dumps(document), num_items=num_items)


def _parts(cases: Sequence[Case]) -> Attack:
    parts = [_part(case) for case in cases]
    document = {"input": parts, "error_policy": "per_item", "timeout_ms": PATIENCE_MS, "encoding_format": "base64"}
    return _post(f"{cases[0].name} and others", "/v1/embeddings", document, len(cases))


def _one_part(cases: Sequence[Case]) -> Attack:
    document = {"input": [_part(cases[0])], "timeout_ms": PATIENCE_MS, "encoding_format": "base64"}
    return _post(cases[0].name, "/v1/embeddings", document, 1)


def _cohere(cases: Sequence[Case]) -> Attack:
    document = {"images": [_uri(cases[0])], "embedding_types": ["base64"], "priority": 1}
    return _post(cases[0].name, "/v2/embed", document, 1)


def _upload(cases: Sequence[Case]) -> Attack:
    items = [{"id": f"i{place}", "data": _uri(case)} for place, case in enumerate(cases) if case.data]
    return _post(f"{cases[0].name} and others", ITEMS, {"items": items}, len(items))


def _form(cases: Sequence[Case]) -> Attack:
    mark = "b-7f3e9c1d-boundary"
    files = [
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{place}-{case.name}"\r\n\r\n'.encode()
        + case.data
        + b"\r\n"
        for place, case in enumerate(cases)
    ]
    keys = orjson.dumps([{"id": f"f{place}"} for place in range(len(cases))])
    entries = f'--{mark}\r\nContent-Disposition: form-data; name="items"\r\n\r\n'.encode() + keys + b"\r\n"
    return Attack(
        name=f"{cases[0].name} and others",
        path=ITEMS,
        body=b"".join(files) + entries + f"--{mark}--\r\n".encode(),
        num_items=len(cases),
        headers=(("content-type", f"multipart/form-data; boundary={mark}"),),
    )


def shapeless() -> list[Attack]:
    """Requests whose JSON, base64 or encoding is what is wrong: too deep, too long, cut, lying, not what it says."""
    squeezed = (("content-type", "application/json"), ("content-encoding", "gzip"))
    form, fields = (("content-type", "multipart/form-data"),), (("content-type", "multipart/form-data; boundary=b"),)
    zipped = gzip.compress(b"[" * 50_000_000)
    return [
        *(
            Attack(name=name, path="/v1/embeddings", body=body, num_items=0)
            for name, body in {**_wrong_json(), **_wrong_media()}.items()
        ),
        Attack(name="gzip", path="/v1/embeddings", body=zipped, num_items=0, headers=squeezed),
        Attack(name="form of JSON", path=ITEMS, body=b'{"items": []}', num_items=0, headers=form),
        Attack(name="many fields", path=ITEMS, body=_many_fields(), num_items=0, headers=fields),
    ]


def _wrong_json() -> dict[str, bytes]:
    return {
        "deep lists": b'{"input":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep objects": b'{"input":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        "open lists": b"[" * 5_000_000,
        "cut": b'{"input": "heron',
        "no JSON": b"\x00\xff\xfe" * 99,
        "broken UTF-8": b'{"input": "caf\xc3\x28"}',
        "lone half": b'{"input":"\\ud800"}',
        "endless number": b'{"input": "a", "dimensions": ' + b"9" * 100_000 + b"}",
        "infinity": b'{"input":[1e999]}',
        "tokens": b'{"input": [[1, 2, 3]]}',
        "null": b"null",
        "nothing": b"",
        "many keys": b"{" + b",".join(b'"k%d":1' % number for number in range(50_000)) + b"}",
        "long text": b'{"input": "' + b"heron " * 400_000 + b'"}',
        "escapes": b'{"input": "' + b"\\u0000" * 500_000 + b'"}',
        "many items": b'{"input": [' + b'"a",' * 100_000 + b'"a"]}',
        "twice": b'{"input": "a", "input": "b"}',
    }


def _wrong_media() -> dict[str, bytes]:
    png = base64.b64encode(seed_files()["picture.png"]).decode("ascii")
    zeros = base64.b64encode(bytes(30_000_000)).decode("ascii")
    again = base64.b64encode(png.encode()).decode("ascii")
    inputs: dict[str, Any] = {
        "base64 as text": png,
        "URI as text": f"data:image/png;base64,{png}",
        "URI in URI": [_image(f"data:image/png;base64,{again}")],
        "no base64": [_image("data:image/png;base64,*?*?")],
        "zeros": [_image(f"data:;base64,{zeros}")],
        "a file": [_image("file:///etc/passwd")],
        "an address": [_image("http://127.0.0.1/")],
        "weights": [{"content": [{"type": "text", "text": "a", "weight": 0}] * 64}],
        "types": [{"type": "image_url", "input_audio": {"data": "a"}}],
    }
    return {name: orjson.dumps({"input": given}) for name, given in inputs.items()}


def _image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _many_fields() -> bytes:
    field = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\na\r\n'
    return field * 20_000 + b"--b--\r\n"
