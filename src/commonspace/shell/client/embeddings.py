"""Embedding as a flow: items are packed into requests, several under way at a time, and answered in order."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final, overload

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import (
    CommonspaceError,
    ItemError,
    SpaceMismatch,
    Unavailable,
    UnsupportedModality,
    UsageError,
)
from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedding
from commonspace.shell.client.message import Call, Reply
from commonspace.shell.client.packing import Bounds, packs
from commonspace.shell.client.parts import Draft, Part, draft
from commonspace.shell.client.refusals import item_error
from commonspace.shell.client.steps import Flow, Until, Work, ask, together

__all__ = ["Embeddings", "Receipt", "Wanted", "embed", "try_embed"]

PATH: Final = "/v1/embeddings"

Answer = Embedding | ItemError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What vectors are asked for: of which model (None is the service's own), cut to how many numbers."""

    model: str | None
    dimensions: int | None
    bounds: Bounds


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the service said of its work: the space by name and fingerprint, and what was used, summed by name.

    ``usage`` counts as the service does (``text_tokens``, ``image_pixels``, ``audio_seconds``, ...).
    """

    model: str
    fingerprint: str
    requests: int
    usage: Mapping[str, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embeddings(Sequence[Answer]):
    """One answer an item, in order: an embedding, or the error of that item; and the receipt."""

    answers: tuple[Answer, ...]
    receipt: Receipt

    @overload
    def __getitem__(self, place: int) -> Answer: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Answer, ...]: ...

    def __getitem__(self, place: int | slice) -> Answer | tuple[Answer, ...]:
        return self.answers[place]

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What one request brought."""

    answers: tuple[Answer, ...]
    receipt: Receipt


def embed(items: Sequence[object], wanted: Wanted, until: Until) -> Flow[Vectors]:
    """One unit row an item, in order.

    Raises:
        ItemError: the first item, in order, that cannot be embedded.
        CommonspaceError: the request as a whole was refused.
    """
    packed = yield from _packed(items, wanted, until, strict=True)
    rows = [each.vector for pack in packed for each in pack.answers if isinstance(each, Embedding)]
    _one_receipt([pack.receipt for pack in packed])
    return np.stack(rows) if rows else np.empty((0, wanted.dimensions or 0), dtype=np.float32)


def try_embed(items: Sequence[object], wanted: Wanted, until: Until) -> Flow[Embeddings]:
    """One answer an item, in order; a bad item answers with its error.

    Raises:
        CommonspaceError: the request as a whole was refused.
    """
    packed = yield from _packed(items, wanted, until, strict=False)
    answers = tuple(answer for pack in packed for answer in pack.answers)
    return Embeddings(answers=answers, receipt=_one_receipt([pack.receipt for pack in packed]))


def _packed(items: Sequence[object], wanted: Wanted, until: Until, *, strict: bool) -> Flow[list[Pack]]:
    if isinstance(items, str | bytes):
        raise UsageError("One item was given where a list is expected.", fix="Put it into a list: embed([item]).")
    drafts = [draft(item) for item in items]
    flows = [
        _pack([drafts[place] for place in places], wanted, until, strict) for places in packs(drafts, wanted.bounds)
    ]
    return (yield from together(flows, wanted.bounds.requests_at_a_time)) if flows else []


def _pack(drafts: Sequence[Draft], wanted: Wanted, until: Until, strict: bool) -> Flow[Pack]:  # noqa: FBT001  one of two
    """One request: read the items, ask, and put the answers where their items were."""
    made: list[Part | ItemError] = yield Work(do=lambda: [_attempt(each) for each in drafts])
    parts = [part for part in made if isinstance(part, Part)]
    if strict:
        _raise_first(made)
    if not parts:
        return Pack(answers=tuple(each for each in made if isinstance(each, ItemError)), receipt=_nothing())
    document: dict[str, Any] = {
        "input": [part.document for part in parts],
        "encoding_format": "base64",
        "error_policy": "per_item",
    }
    document |= {"model": wanted.model} if wanted.model is not None else {}
    document |= {"dimensions": wanted.dimensions} if wanted.dimensions is not None else {}
    reply = yield from ask(Call(method="POST", path=PATH, document=document), until)
    told = _read(reply, parts, until.line.url)
    if strict:
        _raise_first(told)
    answers = iter(told)
    placed = tuple(each if isinstance(each, ItemError) else next(answers) for each in made)
    return Pack(answers=placed, receipt=_receipt(reply.document()))


def _attempt(each: Draft) -> Part | ItemError:
    try:
        return each.make()
    except ItemError as error:
        return error


def _raise_first(answers: Sequence[object]) -> None:
    for answer in answers:
        if isinstance(answer, ItemError):
            if answer.item_code == UnsupportedModality.code:
                raise UnsupportedModality(answer.cause, fix=answer.fix)
            raise answer


def _read(reply: Reply, parts: Sequence[Part], url: str) -> list[Answer]:
    """The answers of one request, each under the place of its part."""
    answers: list[Answer | None] = [None] * len(parts)
    document = reply.document()
    try:
        for entry in document["data"]:
            place = int(entry["index"])
            answers[place] = _embedding(entry, parts[place])
        for entry in document.get("errors") or ():
            answers[int(entry["index"])] = item_error(entry)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, NotBase64) as error:
        raise _odd(url) from error
    found = [answer for answer in answers if answer is not None]
    if len(found) != len(parts):
        raise _odd(url)
    return found


def _embedding(entry: Mapping[str, Any], part: Part) -> Embedding:
    notes = tuple(str(note) for note in entry.get("notes") or ())
    if entry.get("truncated") and not notes:
        notes = ("truncated",)
    return Embedding(vector=_vector(entry["embedding"]), modality=part.modality, notes=notes)


def _vector(told: object) -> NDArray[np.float32]:
    if isinstance(told, str):
        return np.frombuffer(b64decode(told, validate=True), dtype="<f4").astype(np.float32)
    return np.asarray(told, dtype=np.float32)


def _receipt(document: Mapping[str, Any]) -> Receipt:
    usage = document.get("usage")
    counts = usage.items() if isinstance(usage, Mapping) else ()
    return Receipt(
        model=str(document.get("model", "")),
        fingerprint=str(document.get("fingerprint", "")),
        requests=1,
        usage={str(name): amount for name, amount in counts if isinstance(amount, int | float)},
    )


def _nothing() -> Receipt:
    return Receipt(model="", fingerprint="", requests=0, usage={})


def _one_receipt(receipts: Sequence[Receipt]) -> Receipt:
    """One receipt for all requests.

    Raises:
        SpaceMismatch: the service changed its space between two of them.
    """
    asked = [each for each in receipts if each.requests]
    prints = list(dict.fromkeys(each.fingerprint for each in asked))
    if len(prints) > 1:
        raise SpaceMismatch(
            f"The service changed its space between two requests ({' then '.join(each[:12] for each in prints)}).",
            fix="Embed these items again: vectors of two spaces do not compare.",
        )
    usage: dict[str, float] = {}
    for each in asked:
        for name, amount in each.usage.items():
            usage[name] = usage.get(name, 0) + amount
    first = asked[0] if asked else _nothing()
    return Receipt(model=first.model, fingerprint=first.fingerprint, requests=len(asked), usage=usage)


def _odd(url: str) -> CommonspaceError:
    return Unavailable(
        f"{url} answered with something else than one vector or error an item.",
        fix="Check that this is the address of a commonspace service of the client's version.",
    )
