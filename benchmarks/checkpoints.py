"""How quick are checkpoints that people know, from bytes to vectors, beside the libraries that people run them with?

    python -m benchmarks.checkpoints [--quick] [--only NAME ...] [--rounds 3] [--threads N] [--work DIR] [--venvs DIR]
                                     [--resume] [--json] [--write]

CLIP ViT-B/32, SigLIP B/16 and CLAP HTSAT in their published sizes with random weights (speed does not depend on them),
made once in the work folder, and the real MiniLM-L6. Everybody gets JPEG, WAV or text and answers with vectors; each in
a process of its own, the same threads, in turns; one item at a time, and in the batch that served each best. *The
library* is transformers in PyTorch eager (for MiniLM sentence-transformers), float32, as it comes. *commonspace* is
``commonspace.load(folder)``: it exports the networks at first use, before the clock starts. The cosine is with the
library's vectors, also after the mean vector was taken off both, because vectors that are all alike have a good cosine
whatever is wrong; a rival below 0.9995 does not count, and ours below it fails. Some 20 minutes on two quiet cores,
some 5 with ``--quick``; every kind of item is kept in the work folder when it is done, and ``--resume`` goes on from
there. Ends with 1 where ours is slower than asked.
"""

import argparse
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final, final

import numpy as np
from rich.console import Console

from benchmarks import checkpoint_rivals as rivals
from benchmarks import workload
from benchmarks.checkpoint_figures import ALONE, HEADER, LIBRARY, OURS, Found, cells, centred, kept, least, missed, read
from benchmarks.contest import Entry, race
from benchmarks.page import as_table, write_table
from benchmarks.published_sizes import CLAP, CLIP, MINILM, SIGLIP, checkpoint
from benchmarks.rival_homes import BACKENDS, environment
from benchmarks.rivals import Trial
from benchmarks.towers import MOST_TAKEN, QUIET, processor
from commonspace.core.modality import Modality

OUR_BATCHES, RIVAL_BATCHES = (1, 64), (1, 8, 32)
WIDTH, HEIGHT, QUALITY = 640, 480, 90
SECONDS, RATE = 10.0, 48_000
NUM_ITEMS: Final[Mapping[tuple[str, Modality], int]] = {
    (MINILM, Modality.TEXT): 256,
    (CLIP, Modality.TEXT): 96,
    (CLIP, Modality.IMAGE): 64,
    (SIGLIP, Modality.TEXT): 32,
    (SIGLIP, Modality.IMAGE): 32,
    (CLAP, Modality.TEXT): 48,
    (CLAP, Modality.AUDIO): 16,
}
QUICK_ITEMS = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for on the command line."""

    work: Path
    venvs: Path
    threads: int
    rounds: int
    quick: bool
    seed: int


def items_of(modality: Modality, count: int, *, seed: int) -> list[Any]:
    """Texts, JPEG pictures of 640 x 480, or WAV sounds of ten seconds; encoded, as they come from a disk."""
    match modality:
        case Modality.TEXT:
            return list(workload.texts(count, seed=seed))
        case Modality.IMAGE:
            return [_jpeg(picture) for picture in workload.pictures(count)]
        case _:
            return [_wav(sound) for sound in workload.sounds(count, SECONDS)]


def entries(model: str, modality: Modality, asked: Asked) -> dict[str, Entry]:
    """Everyone who can embed this kind of item; left out where what they need is not installed."""
    folder, threads = checkpoint(model, asked.work), asked.threads
    mine = tuple(Trial(batch=batch, threads=threads) for batch in OUR_BATCHES)
    theirs = tuple(Trial(batch=batch, threads=threads) for batch in RIVAL_BATCHES)
    own = partial(rivals.ours, folder, asked.work / "cache", threads=threads)
    alone = partial(rivals.tower_alone, folder, asked.work / "cache", threads=threads)
    eager = partial(rivals.sentences, folder) if model == MINILM else partial(rivals.library, folder, modality)
    made = {
        OURS: Entry(make=own, trials=mine),
        LIBRARY: Entry(make=partial(eager, threads=threads), trials=theirs),
        "the library, bfloat16": Entry(make=partial(eager, threads=threads, dtype="bfloat16"), trials=theirs),
        ALONE: Entry(make=alone, trials=mine),
    }
    if not asked.quick:
        made["commonspace, float32"] = Entry(make=partial(own, precision="f32"), trials=mine)
    if model == CLIP and find_spec("open_clip") is not None:
        made["open_clip"] = Entry(make=partial(rivals.open_clip, folder, modality, threads=threads), trials=theirs)
    if model == MINILM:
        python = environment(asked.venvs, BACKENDS) / "python"
        for kind, name in (("onnx", "ONNX"), ("openvino", "OpenVINO"), ("fastembed", "fastembed")):
            make = partial(rivals.Elsewhere, python, kind, folder, asked.work, threads=threads)
            said = name if kind == "fastembed" else f"sentence-transformers, {name}"
            made[said] = Entry(make=make, trials=theirs)
    return made


def measure(model: str, modality: Modality, asked: Asked) -> Found:
    """Race everyone over one kind of item."""
    count = QUICK_ITEMS if asked.quick else NUM_ITEMS[model, modality]
    items = items_of(modality, count, seed=asked.seed)
    report = race(entries(model, modality, asked), items, num_rounds=asked.rounds)
    reference = report.rows[LIBRARY]
    cosines = {name: (least(reference, rows), least(*centred(reference, rows))) for name, rows in report.rows.items()}
    return Found(model=model, modality=modality, num_items=count, laps=report.laps, cosines=cosines)


def said(found: Sequence[Found], asked: Asked) -> str:
    """What belongs to the figures."""
    taken = median(lap.taken for each in found for lap in each.laps)
    return (
        f"{processor()}, {asked.threads} threads for everybody, {asked.rounds} rounds in turns, medians, "
        f"seed {asked.seed}. Others took {taken:.0%} of the machine meanwhile (median of the laps). JPEG of "
        f"{WIDTH} x {HEIGHT}, WAV of {SECONDS:g} s at {RATE} Hz. Processor time is an item's, of all threads. "
        "`cosine`: the least with the library's vectors; `centred`: after the mean was taken off. `commonspace is`: "
        "how many times as fast as the contender in the same round. Memory is the whole process's."
    )


def _jpeg(pixels: Any) -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(made, "JPEG", quality=QUALITY)
    return made.getvalue()


def _wav(sound: Any) -> bytes:
    import soundfile

    made = io.BytesIO()
    places = np.arange(round(SECONDS * RATE)) * (sound.rate / RATE)
    samples = np.interp(places, np.arange(len(sound.array)), sound.array.astype(np.float32))
    soundfile.write(made, samples, RATE, format="WAV", subtype="PCM_16")
    return made.getvalue()


def arguments_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".cache/checkpoints"), help="models, exports and figures")
    parser.add_argument("--venvs", type=Path, default=Path(".cache/rivals"), help="rivals' virtual environments")
    parser.add_argument("--only", nargs="+", choices=[MINILM, CLIP, SIGLIP, CLAP], help="these models alone")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--threads", type=int, help="all that this process may use if not given")
    parser.add_argument("--seed", type=int, default=0, help="of the texts")
    parser.add_argument("--quick", action="store_true", help="eight items of each kind, one round: does it run?")
    parser.add_argument("--resume", action="store_true", help="use the figures in the work folder")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and answer with 1 when ours is slower than asked."""
    given = arguments_of()
    threads = given.threads or len(os.sched_getaffinity(0))
    os.environ |= {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads), **QUIET}
    rounds = 1 if given.quick else given.rounds
    work = given.work.resolve()
    asked = Asked(
        work=work, venvs=given.venvs.resolve(), threads=threads, rounds=rounds, quick=given.quick, seed=given.seed
    )
    found = []
    for model, modality in NUM_ITEMS:
        if given.only and model not in given.only:
            continue
        place = work / "figures" / f"{'quick-' if given.quick else ''}{model}-{modality}.json".replace("/", "")
        if not (given.resume and place.is_file()):
            kept(measure(model, modality, asked), place)
        found.append(read(place))
    return told(found, asked, as_json=given.json, write=given.write)


def told(found: Sequence[Found], asked: Asked, *, as_json: bool, write: bool) -> int:
    """Print and write the figures; 1 when ours is slower than asked."""
    slow = [line for each in found for line in missed(each)]
    lines = [line for each in found for line in cells(each)]
    document = f"{as_table(HEADER, lines)}\n{said(found, asked)}"
    if as_json:
        print(json.dumps({"found": [asdict(each) for each in found], "missed": slow}, indent=2))
    else:
        print(document)
    console = Console(stderr=True)
    if median(lap.taken for each in found for lap in each.laps) > MOST_TAKEN:
        console.print("others had much of the machine: not figures to quote; run it at a quiet time")
    for line in slow:
        console.print(f"slower than asked: {line}")
    if write:
        write_table("checkpoints", document)
    return int(bool(slow))


if __name__ == "__main__":
    raise SystemExit(main())
