"""The one place that names concrete classes: settings become an embedder or a collection."""

import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from commonspace.apps.collection import Collection
from commonspace.apps.scribes import Scribes
from commonspace.core.errors import ModelError, StoreNotFound, UsageError
from commonspace.core.space import Space
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.hub.places import cache_home
from commonspace.encode.hub.running import Running
from commonspace.encode.manifest import Manifest
from commonspace.encode.rapid import RapidReader
from commonspace.encode.reading import Reader
from commonspace.encode.runtime import Precision
from commonspace.encode.whisper import Whisper
from commonspace.index.bias import ItemBias
from commonspace.index.remote.index import RemoteIndex
from commonspace.index.remote.lance import LanceTable
from commonspace.index.remote.line import read_secret
from commonspace.index.remote.milvus import MilvusTable
from commonspace.index.remote.postgres import PostgresTable
from commonspace.index.remote.qdrant import QdrantTable
from commonspace.index.remote.qdrant_edge import QdrantEdgeTable
from commonspace.index.remote.table import Place, RemoteTable
from commonspace.index.resident import MakeIndex
from commonspace.index.store import Store
from commonspace.ingest.decode import Plan
from commonspace.ingest.pool import WorkerPool
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.calibration_file import read_calibration
from commonspace.retrieve.cross_encoder import CrossEncoderReranker
from commonspace.retrieve.judge import Judging
from commonspace.retrieve.rerank import Reranker
from commonspace.retrieve.store_calibration import forget_store_calibration, read_store_calibration
from commonspace.serve.settings import Settings

__all__ = [
    "bias_of",
    "collection_over",
    "cross_encoder",
    "forget_calibration",
    "load",
    "open_collection",
    "threads",
    "word_reader",
]


def load(name: str | None = None, settings: Settings | None = None) -> Embedder:
    """Load a space by name, or a folder that holds one; the embedded space by default.

    Raises:
        ModelError: no such space, or its files do not match its manifest.
    """
    settings = settings or Settings.load()
    folder = catalog.folder_of(name or settings.model, settings.models_folder)
    precision = None if settings.precision == "auto" else Precision(settings.precision)
    running = Running(
        precision=precision,
        threads=settings.threads or None,
        cache=settings.cache_folder.expanduser() if settings.cache_folder else cache_home(),
        exporting=settings.export_models,
        remote=settings.allow_remote,
    )
    return catalog.load_running(folder, Plan(limits=settings.limits), running)


def threads(settings: Settings) -> int:
    """How many threads the encoders use."""
    return settings.threads or len(os.sched_getaffinity(0))


def open_collection(
    path: str | Path,
    settings: Settings | None = None,
    *,
    create: bool = False,
    embedder: Callable[[], Embedder] | None = None,
    reranker: Reranker | None = None,
) -> Collection:
    """Open the store at a path with the space that fills it; the towers load when first needed.

    Args:
        path: the store's folder.
        settings: model, workers, limits, weights, speech, ocr; from files and environment when None.
        create: make the store if there is none.
        embedder: what embeds; the space that the settings name when None.
        reranker: who puts the first hits in order anew; the cross-encoder that the settings name when None.

    Raises:
        StoreNotFound: there is no store and ``create`` is off.
        SpaceMismatch: another space filled it, or it was calibrated for another.
        ModelError: no such space, or its calibration does not match its manifest.
    """
    settings = settings or Settings.load()
    folder = Path(path)
    model = catalog.folder_of(settings.model, settings.models_folder)
    space, of_space = catalog.card_of(model).space, _calibration(model)
    calibration = read_store_calibration(folder, space) or of_space
    return Collection(
        _reader(folder, space, calibration and calibration.bias, create=create, make_index=_networked(settings)),
        partial(Store.open, folder, space=space),
        embedder or partial(load, settings=settings),
        partial(WorkerPool, limits=settings.limits, workers=settings.workers or None),
        Judging(
            calibration=calibration,
            weights=settings.weights.by_modality(),
            of_space=of_space,
            reranker=reranker or _reranker(settings),
        ),
        partial(_scribes, settings) if settings.speech_model or settings.ocr else None,
    )


def bias_of(path: Path, space: Space, settings: Settings) -> ItemBias | None:
    """What is taken off each score of a store of this space: by its own calibration, else by the space's.

    Raises:
        ModelError: no space of the settings' name, or its calibration does not match its manifest.
    """
    calibration = read_store_calibration(path, space)
    if calibration is None:
        model = catalog.folder_of(settings.model, settings.models_folder)
        if catalog.card_of(model).space.fingerprint == space.fingerprint:
            calibration = _calibration(model)
    return None if calibration is None else calibration.bias


def _scribes(settings: Settings) -> Scribes:
    """Who finds words in sounds and pictures, as the settings wish.

    Raises:
        MissingExtra: what does it is not installed.
        ModelError: the speech model is not there.
    """
    threads = settings.threads or None
    return Scribes(
        transcriber=Whisper(settings.speech_model, threads=threads) if settings.speech_model else None,
        reader=word_reader(threads) if settings.ocr else None,
    )


@cache
def word_reader(threads: int | None) -> Reader:
    """Who reads words in pictures, once for all stores: its networks take up to a gigabyte when they run.

    Raises:
        MissingExtra: rapidocr is not installed.
    """
    return RapidReader(threads=threads)


def _reranker(settings: Settings) -> Reranker | None:
    return None if settings.reranker_model is None else cross_encoder(settings.reranker_model)


@cache
def cross_encoder(folder: Path) -> Reranker:
    """The cross-encoder in a folder, once for all stores; its weights load when first needed."""
    return CrossEncoderReranker(folder)


def collection_over(embedder: Embedder, path: str | Path) -> Collection:
    """Open the store at a path for an embedder of one's own, such as another framework's; it is made if missing.

    Raises:
        SpaceMismatch: another space filled it.
        StoreError: it cannot be made or read.
    """
    folder, space = Path(path), embedder.space
    reader = _reader(folder, space, None, create=True)
    return Collection(reader, partial(Store.open, folder, space=space), lambda: embedder, WorkerPool)


def forget_calibration(path: str | Path) -> bool:
    """Make a store use its space's calibration again; whether it had one of its own.

    Raises:
        StoreNotFound: there is no store.
        StoreBusy: another process is writing to it.
    """
    with Store.open(path) as store:
        return forget_store_calibration(store.path)


def _calibration(model: Path) -> Calibration | None:
    """What the space in a folder knows of its scores, its files checked; None where it knows nothing.

    Raises:
        ModelError: a file does not match the manifest, or a tower is not calibrated.
    """
    if not (model / "manifest.json").is_file():
        return None
    manifest = Manifest.read(model)
    if not manifest.calibration:
        return None
    manifest.verify_calibration()
    calibration = read_calibration(manifest.folder, manifest.space.dimension)
    lacking = set(manifest.space.towers) - set(calibration.towers)
    if lacking:
        raise ModelError(
            f"The calibration in {manifest.folder} says nothing of {', '.join(sorted(lacking))}.",
            fix="Calibrate the space anew (docs/spaces.md).",
        )
    return calibration


def _reader(
    folder: Path, space: Space, bias: ItemBias | None, *, create: bool, make_index: MakeIndex | None = None
) -> Store:
    try:
        return Store.open(folder, space=space, writable=False, make_index=make_index, bias=bias)
    except StoreNotFound:
        if not create:
            raise
    Store.create(folder, space).close()
    return Store.open(folder, space=space, writable=False, make_index=make_index, bias=bias)


def _networked(settings: Settings) -> MakeIndex | None:
    """The index over rows in the networked store that the settings name; None where they name none.

    Raises:
        UsageError: it has no URL, or its secret cannot be read.
    """
    index = settings.index
    if index.backend is None:
        return None
    if index.url is None:
        raise UsageError(
            f"index.backend is {index.backend}, and index.url does not say where that is.",
            fix="Set index.url (docs/networked-stores.md has one of each kind).",
        )
    place = Place(
        url=index.url,
        collection=index.collection,
        secret=None if index.secret_file is None else read_secret(index.secret_file),
        exact=index.exact,
        timeout_seconds=index.timeout_seconds,
    )
    tables: dict[str, Callable[[int, Place], RemoteTable]] = {
        "milvus": MilvusTable,
        "postgres": PostgresTable,
        "lance": LanceTable,
        "qdrant": QdrantTable if "://" in index.url else QdrantEdgeTable,
    }
    return lambda dimension: RemoteIndex(dimension, tables[str(index.backend)](dimension, place))
