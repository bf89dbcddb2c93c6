"""The one place that names concrete classes: settings become an embedder or a collection."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from commonspace.apps.collection import Collection
from commonspace.core.errors import ModelError, StoreNotFound
from commonspace.core.space import Space
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.manifest import Manifest
from commonspace.encode.runtime import Precision
from commonspace.encode.whisper import Whisper
from commonspace.index.bias import ItemBias
from commonspace.index.store import Store
from commonspace.ingest.decode import Plan
from commonspace.ingest.pool import WorkerPool
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.calibration_file import read_calibration
from commonspace.retrieve.judge import Judging
from commonspace.serve.settings import Settings

__all__ = ["load", "open_collection", "threads"]


def load(name: str | None = None, settings: Settings | None = None) -> Embedder:
    """Load a space by name, or a folder that holds one; the embedded space by default.

    Raises:
        ModelError: no such space, or its files do not match its manifest.
    """
    settings = settings or Settings.load()
    folder = catalog.folder_of(name or settings.model, settings.models_folder)
    precision = None if settings.precision == "auto" else Precision(settings.precision)
    plan = Plan(limits=settings.limits)
    return catalog.load(folder, plan, precision=precision, threads=settings.threads or None)


def threads(settings: Settings) -> int:
    """How many threads the encoders use."""
    return settings.threads or len(os.sched_getaffinity(0))


def open_collection(
    path: str | Path,
    settings: Settings | None = None,
    *,
    create: bool = False,
    embedder: Callable[[], Embedder] | None = None,
) -> Collection:
    """Open the store at a path with the space that fills it; the towers load when first needed.

    Args:
        path: the store's folder.
        settings: model, workers, limits, weights, speech; from files and environment when None.
        create: make the store if there is none.
        embedder: what embeds; the space that the settings name when None.

    Raises:
        StoreNotFound: there is no store and ``create`` is off.
        SpaceMismatch: another space filled it.
        ModelError: no such space, or its calibration does not match its manifest.
    """
    settings = settings or Settings.load()
    folder = Path(path)
    manifest = Manifest.read(catalog.folder_of(settings.model, settings.models_folder))
    space, calibration = manifest.space, _calibration(manifest)
    return Collection(
        _reader(folder, space, calibration and calibration.bias, create=create),
        partial(Store.open, folder, space=space),
        embedder or partial(load, settings=settings),
        partial(WorkerPool, limits=settings.limits, workers=settings.workers or None),
        Judging(calibration=calibration, weights=settings.weights.by_modality()),
        partial(Whisper, settings.speech_model, threads=settings.threads or None) if settings.speech_model else None,
    )


def _calibration(manifest: Manifest) -> Calibration | None:
    """What the space knows of its scores, its files checked; None where it knows nothing.

    Raises:
        ModelError: a file does not match the manifest, or a tower is not calibrated.
    """
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


def _reader(folder: Path, space: Space, bias: ItemBias | None, *, create: bool) -> Store:
    try:
        return Store.open(folder, space=space, writable=False, bias=bias)
    except StoreNotFound:
        if not create:
            raise
    Store.create(folder, space).close()
    return Store.open(folder, space=space, writable=False, bias=bias)
