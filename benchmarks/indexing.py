"""How fast does a folder become searchable, and in how much memory?

Usage: ``python -m benchmarks.indexing MEDIA [--kind images] [--repeat 3] [--json FILE] [--write]``

``MEDIA`` holds ``images/`` and ``sounds/`` (``python -m benchmarks.media`` makes one from Debian packages). Each
contender runs in a process of its own, in turn, over the same files, writing to a fresh folder:

- *commonspace*: ``commonspace index`` as users run it: decoding in limited worker processes, every file hashed,
  errors kept apart, vectors durable in the store.
- *plain*: ``benchmarks/plain_indexing.py``: Pillow or soundfile, then PyTorch eager with the same network and
  weights, batches of 32, all cores, vectors saved with NumPy at the end.

Time is the whole process, start-up included. Memory is the proportional set size of the process and its children,
sampled every 50 ms. The rows at a half and a quarter of the files show how memory grows with their number.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Annotated, final

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.page import as_table, write_table

SAMPLE_SECONDS = 0.05
KINDS = ("images", "sounds")
HEADER = ("media", "files", "contender", "runs", "seconds", "files/s", "against plain", "peak memory")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One contender over one set of files."""

    contender: str
    media: str
    num_files: int
    seconds: float
    peak_bytes: int

    @property
    def files_per_second(self) -> float:
        """Files settled a second, start-up included."""
        return self.num_files / self.seconds


def main(
    media: Annotated[Path, typer.Argument(help="A folder with images/ and sounds/.")],
    repeat: Annotated[int, typer.Option(help="Runs of each contender over all files; the median counts.")] = 3,
    kinds: Annotated[list[str] | None, typer.Option("--kind", help="images or sounds; both by default.")] = None,
    report: Annotated[Path | None, typer.Option("--json", help="Write the runs to this file.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Put the table into docs/benchmarks.md.")] = False,  # noqa: FBT002
) -> None:
    """Measure both contenders over pictures and sounds and print one table."""
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as work:
        for kind in kinds or KINDS:
            files = sorted(path for path in (media / kind).iterdir() if path.is_file())
            parts = [subset(files, share, Path(work) / f"{kind}{share}") for share in (4, 2)]
            runs += [measure("commonspace", kind, part) for part in parts]
            for _ in range(repeat):
                runs += [measure(contender, kind, media / kind) for contender in ("commonspace", "plain")]
    cells = rows(runs)
    show(cells)
    if report is not None:
        report.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    if write:
        write_table("indexing", as_table(HEADER, cells))


def subset(files: Sequence[Path], share: int, folder: Path) -> Path:
    """A folder with every ``share``-th of the files, as hard links or copies."""
    folder.mkdir()
    for path in files[::share]:
        shutil.copy(path, folder / path.name)
    return folder


def measure(contender: str, kind: str, folder: Path) -> Run:
    """Run one contender over a folder in a process of its own."""
    with tempfile.TemporaryDirectory() as out:
        command = {
            "commonspace": ["-m", "commonspace", "index", str(folder), "--store", f"{out}/s.cs", "--json"],
            "plain": ["-m", "benchmarks.plain_indexing", kind, str(folder), f"{out}/vectors.npy"],
        }[contender]
        started = monotonic()
        process = psutil.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            peak = max(peak, tree_bytes(process))
            try:
                process.wait(SAMPLE_SECONDS)
            except psutil.TimeoutExpired:
                continue
        seconds = monotonic() - started
    if process.returncode not in {0, 3}:
        raise SystemExit(f"{contender} failed with {process.returncode} on {folder}")
    num_files = sum(path.is_file() for path in folder.iterdir())
    return Run(contender=contender, media=kind, num_files=num_files, seconds=seconds, peak_bytes=peak)


def tree_bytes(process: psutil.Process) -> int:
    """Proportional set size of a process and its children, shared pages counted once."""
    total = 0
    try:
        for member in (process, *process.children(recursive=True)):
            try:
                total += member.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        pass
    return total


def rows(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """One row for each contender and number of files: medians, and the ratio to the plain script."""
    groups: dict[tuple[str, int, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.media, run.num_files, run.contender), []).append(run)
    cells: list[tuple[str, ...]] = []
    for (media, num_files, contender), group in sorted(groups.items()):
        rate = median(run.files_per_second for run in group)
        plain = groups.get((media, num_files, "plain"))
        ratio = f"{rate / median(run.files_per_second for run in plain):.2f}x" if plain else ""
        peak = max(run.peak_bytes for run in group) / 2**20
        seconds = f"{median(run.seconds for run in group):.1f}"
        one = (media, str(num_files), contender, str(len(group)), seconds, f"{rate:.1f}", ratio, f"{peak:.0f} MiB")
        cells.append(one)
    return cells


def show(cells: Sequence[tuple[str, ...]]) -> None:
    """Print the table."""
    table = Table(title="Indexing a folder (median of the runs; start-up included)")
    for column in HEADER:
        table.add_column(column, justify="left" if column in {"media", "contender"} else "right")
    for one in cells:
        table.add_row(*one)
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
