"""The kinds of jobs that fill a store: a folder on the server's side, and uploads that were spooled."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, final

from commonspace.apps.collection import Collection
from commonspace.apps.progress import Progress
from commonspace.core.errors import ItemError
from commonspace.encode.prepare import Prepared
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import ItemFailure, Source
from commonspace.serve.folders import Folders
from commonspace.serve.job import Job
from commonspace.serve.jobs import Report, Work
from commonspace.serve.stores import Stores
from commonspace.serve.uploads import Upload, failed, kept, prepared_as

__all__ = ["FOLDER", "UPLOAD", "Filling", "spooled"]

FOLDER: Final = "folder"
UPLOAD: Final = "upload"
BATCH_ITEMS: Final = 32
BATCH_PIECES: Final = 256


def spooled(uploads: Sequence[Upload], folder: Path) -> dict[str, Any]:
    """Write what was handed in to a folder; the request that a job of the kind UPLOAD finds it by."""
    listed = []
    for place, upload in enumerate(uploads):
        is_text = isinstance(upload.content, str)
        data = upload.content.encode() if isinstance(upload.content, str) else upload.content
        (folder / str(place)).write_bytes(data)
        listed.append(
            {
                "uri": upload.uri,
                "name": upload.name,
                "hash": upload.content_hash,
                "text": is_text,
                "file": str(place),
                "metadata": upload.metadata,
            }
        )
    return {"items": listed}


@final
class Filling:
    """The work of a service's jobs; each has a pool of decode workers of its own while it runs."""

    def __init__(
        self,
        stores: Stores,
        folders: Folders,
        pool: Callable[[], AbstractContextManager[WorkerPool]],
        spool: Callable[[str], Path],
    ) -> None:
        self._stores = stores
        self._folders = folders
        self._pool = pool
        self._spool = spool

    def works(self) -> Mapping[str, Work]:
        """Each kind of job with what does it."""
        return {FOLDER: self.folder, UPLOAD: self.upload}

    def folder(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Bring the store in step with a folder, which must be allowed still.

        Raises:
            CommonspaceError: there is no such folder or store, or the store cannot be written.
        """
        allowed = self._folders.allowed(str(job.request["folder"]))

        def told(progress: Progress) -> None:
            shown = tuple(replace(each, uri=self._folders.shown(each.uri)) for each in progress.failures)
            report(replace(progress, failures=shown))

        with self._stores.use(job.tenant, job.store) as collection:
            outcome = collection.index([allowed.path], progress=told, within=allowed.root)
        return {name: value for name, value in outcome.to_dict().items() if name != "failures"}

    def upload(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Keep what was handed in; after an interruption, only what is not there yet.

        Raises:
            CommonspaceError: there is no such store, or it cannot be written.
        """
        spool = self._spool(job.id)
        listed = {str(each["uri"]): each for each in job.request["items"]}
        files = {uri: spool / each["file"] for uri, each in listed.items()}
        run = _Run(uploads={uri: _upload(each) for uri, each in listed.items()}, files=files, report=report)
        with self._stores.use(job.tenant, job.store) as collection, self._pool() as pool:
            preparer = collection.embedder.preparer
            for source, outcome in pool.map(preparer, run.left(collection, again=job.attempts > 1)):
                run.take(collection, source, outcome)
            run.flush(collection)
        return run.result()


@dataclass(slots=True, eq=False)
class _Run:
    """One upload job under way: what became of each item so far, by uri."""

    uploads: Mapping[str, Upload]
    files: Mapping[str, Path]
    report: Report
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    batch: list[Prepared] = field(default_factory=list)
    started: float = field(default_factory=monotonic)

    def left(self, collection: Collection, *, again: bool) -> Iterator[Source]:
        """What is to be decoded; what an earlier attempt kept is settled."""
        for uri, upload in self.uploads.items():
            if again and (known := _known(collection, upload)) is not None:
                self._settle([known], upload.name, ())
                continue
            file = self.files[uri]
            origin: Path | str = file.read_bytes().decode() if isinstance(upload.content, str) else file
            yield Source(uri=uri, name=upload.name, origin=origin)

    def take(self, collection: Collection, source: Source, outcome: Prepared | ItemError) -> None:
        """Note a failure, or keep an item together with some others."""
        upload = self.uploads[source.uri]
        if isinstance(outcome, ItemError):
            failure = ItemFailure(uri=source.uri, name=source.name, error=outcome)
            self._settle([failed(upload, outcome)], source.name, (failure,))
            return
        self.batch.append(prepared_as(outcome, upload.metadata))
        if len(self.batch) >= BATCH_ITEMS or sum(len(item.pieces) for item in self.batch) >= BATCH_PIECES:
            self.flush(collection)

    def flush(self, collection: Collection) -> None:
        """Keep what waits: after this it is acknowledged."""
        if not self.batch:
            return
        answers, self.batch = collection.add(self.batch), []
        failures = tuple(failure for answer in answers for failure in answer.failures)
        self._settle([kept(answer) for answer in answers], answers[-1].name, failures)

    def result(self) -> Mapping[str, Any]:
        """How many items came to what, and each of them in the order in which it was handed in."""
        items = [self.settled[uri] for uri in self.uploads]
        counts = Counter(item["status"] for item in items)
        return {
            **{status: counts[status] for status in ("added", "updated", "unchanged", "failed")},
            "seconds": round(monotonic() - self.started, 3),
            "items": items,
        }

    def _settle(self, answers: Sequence[dict[str, Any]], current: str, failures: tuple[ItemFailure, ...]) -> None:
        self.settled.update({str(answer["uri"]): answer for answer in answers})
        statuses = Counter(answer["status"] for answer in self.settled.values())
        self.report(
            Progress(
                done=len(self.settled),
                total=len(self.uploads),
                failed=statuses["failed"],
                unchanged=statuses["unchanged"],
                current=current,
                seconds=monotonic() - self.started,
                failures=failures,
            )
        )


def _upload(listed: Mapping[str, Any]) -> Upload:
    """An upload whose content lies in a file: an empty text or no bytes say here which kind it is."""
    return Upload(
        uri=listed["uri"],
        name=listed["name"],
        content="" if listed["text"] else b"",
        content_hash=listed["hash"],
        metadata=listed["metadata"],
    )


def _known(collection: Collection, upload: Upload) -> dict[str, Any] | None:
    """What the store holds of an upload if it is this very content under this name with this metadata."""
    item = collection.item(upload.uri)
    if item is None or (item.content_hash, item.name) != (upload.content_hash, upload.name):
        return None
    if any(item.metadata.get(name) != value for name, value in upload.metadata.items()):
        return None
    return {
        "id": item.id,
        "uri": item.uri,
        "name": item.name,
        "modality": item.modality.value,
        "status": "unchanged",
        "notes": list(item.notes),
        "failures": [],
        "error": None,
    }
