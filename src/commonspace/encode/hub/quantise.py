"""A checkpoint in int8: calibrated, its loss told in each direction, and kept as a space of its own.

Its vectors are near the original's but not the same, so the copy has a fingerprint of its own: a store that the
original filled refuses it, and nothing is mixed silently. The copy is a whole checkpoint's folder (weights linked where
the disk allows it) with the graphs beside, so that it runs without PyTorch.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from shutil import copy2
from typing import Any, Final, final

import numpy as np
import orjson

from commonspace.core.errors import MissingExtra
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.exports import Export
from commonspace.encode.hub.optimise import Recording, agreement, draft_of, require, timed
from commonspace.encode.hub.quantised import GRAPHS, SIGN
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.runtime import Precision, openvino

__all__ = ["Loss", "Quantised", "losses", "quantise"]

LEAST_COSINE: Final = 0.99
FORMAT: Final = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What int8 costs in one direction, such as text->image.

    ``same_best`` is the share of queries whose best answer stays, ``score_change`` the mean absolute change of a score.
    The two recalls (of each query's own partner, at 1) are only known where the contents were pairs.
    """

    direction: str
    num_queries: int
    same_best: float
    score_change: float
    recall_before: float | None = None
    recall_after: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """Where the copy lies, how near each tower is, and the loss in every direction."""

    folder: Path
    exports: tuple[Export, ...]
    losses: tuple[Loss, ...]


def quantise(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    pairs: Mapping[Modality, Sequence[Content]] | None = None,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Quantised:
    """Write a checkpoint's int8 copy into ``folder``; what was there before is replaced.

    Args:
        checkpoint: what to copy.
        folder: where to.
        pairs: contents row by row of one another, beside the sample contents; of both every other one calibrates, and
            the rest judges.
        threads: processor threads; all when None.
        progress: told what is being done.

    Raises:
        ModelError: a network cannot be exported, or a tower's vectors are too far from the original's.
        MissingExtra: PyTorch or NNCF is not installed.
    """
    before: dict[Modality, Vectors] = {}
    after: dict[Modality, Vectors] = {}
    with draft_of(folder) as draft:
        (draft / GRAPHS).mkdir()
        exports = []
        for modality in checkpoint.space.towers:
            if progress is not None:
                progress(f"{modality}: calibrating and comparing")
            own = list((pairs or {}).get(modality, ()))
            judged = _copied(checkpoint, modality, draft / GRAPHS, own, threads)
            exports.append(judged.export)
            before[modality], after[modality] = (rows[-len(own[1::2]) :] for rows in (judged.before, judged.after))
        require(exports, LEAST_COSINE, "Use --precision bf16, or calibrate with contents of your own (--pairs).")
        lost = losses(before, after, paired=frozenset(pairs or ()))
        _link(checkpoint.folder, draft)
        _sign(checkpoint, draft, exports, lost)
    return Quantised(folder=folder, exports=tuple(exports), losses=lost)


def losses(
    before: Mapping[Modality, Vectors], after: Mapping[Modality, Vectors], *, paired: frozenset[Modality]
) -> tuple[Loss, ...]:
    """The loss in every direction between modalities; rows of ``paired`` modalities are partners."""
    found = []
    for query, target in permutations(before, 2):
        old, new = before[query] @ before[target].T, after[query] @ after[target].T
        best, own = old.argmax(axis=1), np.arange(len(old))
        partners = {query, target} <= paired
        found.append(
            Loss(
                direction=f"{query}->{target}",
                num_queries=len(old),
                same_best=float((best == new.argmax(axis=1)).mean()),
                score_change=float(np.abs(old - new).mean()),
                recall_before=float((best == own).mean()) if partners else None,
                recall_after=float((new.argmax(axis=1) == own).mean()) if partners else None,
            )
        )
    return tuple(found)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judged:
    """One tower's copy, and the vectors of what judged it: the original's, then the copy's (n x d); own rows last."""

    export: Export
    before: Vectors
    after: Vectors


def _copied(
    checkpoint: Checkpoint, modality: Modality, folder: Path, own: Sequence[Content], threads: int | None
) -> _Judged:
    """Write one tower's graph in int8; every other content calibrates it, and the rest judges it."""
    samples = sample_contents(modality, checkpoint.demands.audio_rate)
    judging = [*samples[1::2], *own[1::2]]
    recording = Recording(threads)
    tower = checkpoint.tower(modality, recording.running())
    tower.encode([tower.prepare(each) for each in (*samples[::2], *own[::2])])
    seen = list(recording.batches)
    before, seconds = timed(tower, judging)
    recording.batches[:] = seen
    _save(recording, folder / f"{modality}.xml")
    running = Running(precision=Precision.F32, threads=threads, optimised=folder)
    after, quick = timed(checkpoint.tower(modality, running), judging)
    return _Judged(export=_export(modality, before, after, seconds / quick), before=before, after=after)


def _export(modality: Modality, before: Vectors, after: Vectors, speed_up: float) -> Export:
    least, mean = agreement(before, after)
    return Export(
        modality=modality,
        precision="int8",
        least_cosine=least,
        mean_cosine=mean,
        speed_up=speed_up,
        num_samples=len(before),
    )


def _save(recording: Recording, path: Path) -> None:
    import warnings

    model = recording.model()
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):  # it draws bars where answers go
        warnings.simplefilter("ignore")  # NNCF tells what its own dependencies deprecate
        nncf = _nncf()
        small = nncf.quantize(
            model,
            nncf.Dataset(recording.batches),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(recording.batches),
        )
    openvino().save_model(small, path, compress_to_fp16=False)


def _nncf() -> Any:
    openvino()  # before NNCF brings it
    try:
        import nncf
    except ImportError:
        raise MissingExtra("Quantising needs NNCF.", fix="Run: pip install 'commonspace[hub]'") from None
    import logging

    nncf.set_log_level(logging.ERROR)
    return nncf


def _link(folder: Path, draft: Path) -> None:
    """The checkpoint's files beside the graphs: linked where the disk allows it, else copied."""
    for home, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name == SIGN or not name.endswith((".json", ".safetensors", ".txt", ".model", ".md")):
                continue
            source = Path(home) / name
            target = draft / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            real = source.resolve()
            with suppress(OSError):
                os.link(real, target)
            if not target.exists():
                copy2(real, target)


def _sign(checkpoint: Checkpoint, draft: Path, exports: Sequence[Export], lost: Sequence[Loss]) -> None:
    document = {
        "format": FORMAT,
        "base": checkpoint.space.name,
        "base_fingerprint": checkpoint.space.fingerprint,
        "precision": "int8",
        "towers": [modality.value for modality in checkpoint.space.towers],
        "exports": [asdict(each) for each in exports],
        "losses": [asdict(each) for each in lost],
    }
    (draft / SIGN).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
