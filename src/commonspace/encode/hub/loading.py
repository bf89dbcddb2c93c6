"""A checkpoint's tower as people use it: exported for OpenVINO at first use, where that is quicker and as near.

PyTorch in float32 is what every library runs, and the slowest way on a processor. Whoever loads a model is spared
knowing that: its networks are exported once, judged on sample contents, and the finding is kept by fingerprint.
"""

import logging
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.exports import Export, export_of, optimised_folder, write_export
from commonspace.encode.hub.optimise import Recording, export_tower, native_precision
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.runtime import Precision
from commonspace.encode.tower import Tower

__all__ = ["MOST_BYTES", "loaded"]

MOST_BYTES: Final = 2 * 2**30
"""Weights beyond this are exported by ``models optimize`` alone: an export takes as much disk again, and minutes."""

SAMPLED: Final = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)

_log = logging.getLogger(__name__)


def loaded(checkpoint: Checkpoint, modality: Modality, running: Running) -> Tower:
    """One modality's tower, run by its export where there is one or where one may be made; its dimension is checked.

    Raises:
        ModelError: the network gives vectors of another length than the checkpoint says.
        MissingExtra: the library that runs it is not installed.
    """
    fingerprint = checkpoint.space.fingerprint
    if running.cache is not None and fingerprint:
        folder = optimised_folder(running.cache, fingerprint)
        running = replace(running, optimised=folder)
        if running.exporting and _may_export(checkpoint) and export_of(folder, modality) is None:
            tower = _exported(checkpoint, modality, running, folder)
            if tower is not None:
                return _checked(checkpoint, tower)
    return _checked(checkpoint, checkpoint.tower(modality, running))


def _may_export(checkpoint: Checkpoint) -> bool:
    """Whether exporting without being asked is sensible: nothing leaves, nothing is huge, nobody else's affair."""
    if checkpoint.leaves_to or checkpoint.members or find_spec("openvino") is None or find_spec("torch") is None:
        return False
    return sum(path.stat().st_size for path in checkpoint.folder.rglob("*.safetensors")) <= MOST_BYTES


def _exported(checkpoint: Checkpoint, modality: Modality, running: Running, folder: Path) -> Tower | None:
    """Export a tower into ``folder``; the tower itself where it runs in something else than PyTorch on a processor."""
    recording = Recording(running.threads)
    tower = checkpoint.tower(modality, recording.running(running))
    if recording.module is None:
        return tower
    import torch

    if torch.cuda.is_available():
        return checkpoint.tower(modality, replace(running, optimised=None))
    _log.info("Exporting the %s tower of %s for OpenVINO, once.", modality, checkpoint.space.name)
    try:
        _keep(checkpoint, tower, recording, folder)
    except OSError as error:
        _log.warning("The export of %s cannot be kept, so PyTorch runs it: %s", checkpoint.space.name, error)
    return None


def _keep(checkpoint: Checkpoint, tower: Tower, recording: Recording, folder: Path) -> None:
    """Export into a draft, then move the graph and, last, its record into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    ways = dict.fromkeys((native_precision(), Precision.F32))
    with TemporaryDirectory(dir=folder, prefix=".making-") as place:
        draft = Path(place)
        try:
            found = export_tower(checkpoint, tower, recording, draft, tuple(ways))
        except ModelError as error:
            found = _failed(tower.modality, error)
        if found.kept:
            for end in ("bin", "xml"):
                made = draft / f"{tower.modality}.{end}"
                made.replace(folder / made.name)
    write_export(folder, found)
    told = f"{found.speed_up:.1f} times as fast in {found.precision}" if found.kept else found.reason
    _log.info("The %s tower of %s: %s.", tower.modality, checkpoint.space.name, told)


def _failed(modality: Modality, error: ModelError) -> Export:
    return Export(
        modality=modality,
        precision=Precision.F32.value,
        least_cosine=0.0,
        mean_cosine=0.0,
        speed_up=0.0,
        num_samples=0,
        kept=False,
        reason=error.cause,
    )


def _checked(checkpoint: Checkpoint, tower: Tower) -> Tower:
    """The tower, once it gave a vector of the length that the checkpoint declares; providers are not asked for one.

    Raises:
        ModelError: it gave another.
    """
    if checkpoint.leaves_to or tower.modality not in SAMPLED:
        return tower
    content = sample_contents(tower.modality, checkpoint.demands.audio_rate)[0]
    (row,) = tower.encode([tower.prepare(content)])
    if len(row) != checkpoint.space.dimension:
        raise ModelError(
            f"The {tower.modality} tower of {checkpoint.folder} gives {len(row)} numbers; its configuration says "
            f"{checkpoint.space.dimension}.",
            fix="Restore the model's configuration, or download the model again.",
        )
    return tower
