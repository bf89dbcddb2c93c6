"""Fetches a checkpoint from the hub because somebody asked for it by name: the one thing here that goes out.

A revision becomes a commit and stays it; only safetensors, JSON and tokenizer files come; every file's hash is checked
against what the hub says and written down; an interrupted pull goes on where it was. The folder appears under its name
when all of it is right.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1, sha256
from operator import itemgetter
from pathlib import Path
from shutil import copy2, rmtree
from typing import Any, Final, final

import orjson

from commonspace.core.errors import ModelError, UsageError
from commonspace.encode.hub.families import read_checkpoint
from commonspace.encode.hub.licences import LicenceKind, kind_of
from commonspace.encode.hub.places import LOCK_NAME, NAME, pulled_record
from commonspace.encode.hub.reaching import Hub, answering, reach

__all__ = ["Pulled", "Request", "pull", "verify"]

FORMAT: Final = 1
WANTED: Final = re.compile(
    r".*\.(safetensors|json|jinja)|(.*/)?(vocab|merges|special_tokens|added_tokens)\.txt|(.*/)?[^/]*\.(model|spm|tiktoken)"
    r"|README\.md|(LICEN[CS]E|NOTICE)(\.\w+)?"
)
UNWANTED_FOLDERS: Final = ("onnx/", "openvino/", ".git/", "coreml/", "tflite/")
PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
CHUNK: Final = 1 << 20
BLOB_HEADER: Final = "blob {size}\0"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to fetch: ``folder`` is where it will lie; ``accepted`` says that a restricted licence was agreed to."""

    name: str
    folder: Path
    revision: str = "main"
    accepted: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What was fetched. ``num_fetched`` counts the files that came now, ``num_bytes`` all that the folder holds."""

    name: str
    folder: Path
    commit: str
    licence: str
    licence_kind: LicenceKind
    num_files: int
    num_fetched: int
    num_bytes: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One file as the hub tells it; ``digest`` is its SHA-256, or git's SHA-1 where it is small."""

    name: str
    num_bytes: int
    digest: str

    def check(self, path: Path) -> str | None:
        """The SHA-256 of a file that is this one; None where it is another."""
        plain, git = sha256(), sha1(BLOB_HEADER.format(size=self.num_bytes).encode(), usedforsecurity=False)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                plain.update(chunk)
                git.update(chunk)
        right = path.stat().st_size == self.num_bytes and self.digest in {plain.hexdigest(), git.hexdigest()}
        return plain.hexdigest() if right else None


def pull(request: Request, say: Callable[[str], None] | None = None) -> Pulled:
    """Fetch a checkpoint's files into its folder, verify them, and read the model once.

    Raises:
        UsageError: the name is none, this machine is set to stay offline, or the licence asks to be accepted.
        ModelError: there is no such model or revision, it has no safetensors, a file is not what the hub says it is,
            or no adapter can read it.
        MissingExtra: huggingface_hub is not installed.
    """
    hub = reach()
    if not NAME.fullmatch(request.name):
        raise UsageError(f"'{request.name}' is no name of a model on the hub.", fix="Write it as ORG/NAME.")
    with answering(request.name, request.revision):
        about = hub.api().model_info(request.name, revision=request.revision, files_metadata=True)
    wanted, licence = _wanted(request.name, about), _licence(about)
    kind = kind_of(licence)
    if say is not None:
        say(f"{request.name} at {about.sha[:12]}: licence {licence} ({kind}), {len(wanted)} files")
    if kind is LicenceKind.RESTRICTED and not request.accepted:
        raise UsageError(
            f"{request.name} has the licence {licence}, which restricts what it may be used for.",
            fix="Read it on the model's page, then pull again with --accept-licence.",
        )
    draft = request.folder.with_name(f".{request.folder.name}.{about.sha[:12]}.part")
    job = _Job(hub=hub, request=request, commit=about.sha, draft=draft)
    digests: dict[str, str] = {}
    fetched = 0
    with answering(request.name, request.revision):
        for each in wanted:
            digests[each.name], came = _fetched(job, each, say)
            fetched += came
    _lock(job, licence, wanted, digests)
    _settle(draft, request.folder)
    return Pulled(
        name=request.name,
        folder=request.folder,
        commit=about.sha,
        licence=licence,
        licence_kind=kind,
        num_files=len(wanted),
        num_fetched=fetched,
        num_bytes=sum(each.num_bytes for each in wanted),
    )


def verify(folder: Path) -> list[str]:
    """The files of a pulled folder that are missing or are not what was pulled; empty where it was never pulled."""
    files = pulled_record(folder).get("files")
    wrong = []
    for name, told in files.items() if isinstance(files, Mapping) else ():
        path = folder / name
        expected = _Wanted(name=name, num_bytes=int(told["num_bytes"]), digest=str(told["sha256"]))
        if ".." in Path(name).parts or not path.is_file() or expected.check(path) is None:
            wrong.append(name)
    return wrong


def _wanted(name: str, about: Any) -> list[_Wanted]:
    """The files to fetch; a name that leads out of a folder is refused, and so is a model without safetensors."""
    every = [(each.rfilename, each) for each in about.siblings or ()]
    for file, _ in every:
        if Path(file).is_absolute() or ".." in Path(file).parts or "\\" in file or not file.isprintable():
            raise ModelError(f"{name} lists a file called {file!r}, which leads out.", fix="Do not use this model.")
    chosen = [
        pair
        for pair in sorted(every, key=itemgetter(0))
        if WANTED.fullmatch(pair[0]) and not pair[0].startswith(UNWANTED_FOLDERS)
    ]
    if not any(file.endswith(".safetensors") for file, _ in chosen):
        pickled = sorted(file for file, _ in every if file.endswith(PICKLED))
        said = f"its weights are in {pickled[0]}, which can run code when loaded" if pickled else "it has no weights"
        raise ModelError(
            f"{name} has no safetensors at this revision: {said}.",
            fix="Try --revision refs/pr/1 (many such models have one there), or convert it where you trust it "
            "(docs/models.md).",
        )
    return [
        _Wanted(name=file, num_bytes=each.size, digest=str(each.lfs.sha256 if each.lfs else each.blob_id))
        for file, each in chosen
    ]


def _licence(about: Any) -> str:
    card = about.card_data.to_dict() if about.card_data else {}
    plain = card.get("license") or "unknown"
    plain = str(plain[0] if isinstance(plain, list) and plain else plain)
    return str(card.get("license_name") or plain) if plain == "other" else plain


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Which model at which commit, and the folder that its files are gathered in."""

    hub: Hub
    request: Request
    commit: str
    draft: Path


def _fetched(job: _Job, wanted: _Wanted, say: Callable[[str], None] | None) -> tuple[str, bool]:
    """One file's SHA-256, and whether it came now; what is there already is kept, a part of it is gone on with."""
    place, old = job.draft / wanted.name, job.request.folder / wanted.name
    place.parent.mkdir(parents=True, exist_ok=True)
    for here in (place, old):
        if here.is_file() and not here.is_symlink() and (known := wanted.check(here)):
            if here is old:
                copy2(old, place)
            return known, False
    part = place.with_name(f"{place.name}.incomplete")
    have = min(part.stat().st_size, wanted.num_bytes) if part.is_file() else 0
    if say is not None:
        say(f"{wanted.name}: {wanted.num_bytes} bytes" + (f", {have} are here" if have else ""))
    _go_on(job, wanted, part, have)
    digest = wanted.check(part)
    if digest is None:
        part.unlink()
        raise ModelError(
            f"{wanted.name} of {job.request.name} is not what the hub says it is: its hash differs.",
            fix="Pull again; if it happens again, something on the way changes it.",
        )
    part.replace(place)
    return digest, True


def _lock(job: _Job, licence: str, wanted: Sequence[_Wanted], digests: Mapping[str, str]) -> None:
    """Write down what was fetched, beside it."""
    lock = {
        "format": FORMAT,
        "name": job.request.name,
        "commit": job.commit,
        "revision": job.request.revision,
        "licence": licence,
        "endpoint": job.hub.endpoint,
        "files": {each.name: {"sha256": digests[each.name], "num_bytes": each.num_bytes} for each in wanted},
    }
    (job.draft / LOCK_NAME).write_bytes(orjson.dumps(lock, option=orjson.OPT_INDENT_2))


def _go_on(job: _Job, wanted: _Wanted, part: Path, have: int) -> None:
    """Fetch what a file lacks beyond the bytes that are here."""
    from huggingface_hub.file_download import http_get

    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        file.truncate()
        http_get(
            job.hub.url(job.request.name, job.commit, wanted.name),
            file,
            resume_size=have,
            headers={**job.hub.library.utils.build_hf_headers(), "Accept-Encoding": "identity"},
            expected_size=wanted.num_bytes,
            displayed_filename=wanted.name,
        )


def _settle(draft: Path, folder: Path) -> None:
    """Put a whole pull in its place once its model was read."""
    read_checkpoint(draft, hashed=False)
    old = folder.with_name(f".{folder.name}.old.{os.getpid()}")
    if folder.exists():
        folder.replace(old)
    draft.replace(folder)
    rmtree(old, ignore_errors=True)
