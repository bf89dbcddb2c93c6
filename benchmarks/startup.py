"""How long does it take before anything happens? Import, ``--help``, and the imports that a rival would need.

    python -m benchmarks.startup [--write]

Each line is the median of ten fresh interpreters (three for the slow rivals), taken in turns so that a busy moment hits
all alike. Processor seconds tell what a busy machine adds to the clock.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter
from typing import final

from benchmarks.page import as_table, write_table

NUM_RUNS = 10
NUM_SLOW_RUNS = 3
HELP = "import sys; sys.argv = ['commonspace', '--help']; from commonspace.shell.cli import main; main()"
COMMANDS = {
    "python -c pass": "pass",
    "import commonspace": "import commonspace",
    "commonspace --help": HELP,
    "import numpy": "import numpy",
    "import typer": "import typer",
}
SLOW = {
    "import torch": "import torch",
    "import sentence_transformers": "import sentence_transformers",
}
LIMITS_SECONDS = {"import commonspace": 0.3, "commonspace --help": 0.4}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One interpreter from start to end."""

    wall_seconds: float
    processor_seconds: float


def run(code: str) -> Run:
    """Run some code in a fresh interpreter."""
    started, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = getrusage(RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall_seconds=perf_counter() - started, processor_seconds=used)


def in_turns(commands: dict[str, str], num_runs: int) -> dict[str, list[Run]]:
    """Run every command once to compile its bytecode, then all of them in turns."""
    for code in commands.values():
        run(code)
    taken: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(num_runs):
        for name, code in commands.items():
            taken[name].append(run(code))
    return taken


def main() -> int:
    """Measure, print, and answer with 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    write = parser.parse_args().write
    present = {name: code for name, code in SLOW.items() if find_spec(name.split()[1])}
    taken = in_turns(COMMANDS, NUM_RUNS) | in_turns(present, NUM_SLOW_RUNS)
    wall = {name: median(each.wall_seconds for each in runs) for name, runs in taken.items()}
    used = {name: median(each.processor_seconds for each in runs) for name, runs in taken.items()}
    rows = [
        (f"`{name}`", f"{wall[name]:.3f}", f"{used[name]:.3f}", LIMITS_SECONDS.get(name, ""), len(taken[name]))
        for name in taken
    ]
    table = as_table(["", "median seconds", "processor seconds", "at most", "runs"], rows)
    print(table)
    if write:
        write_table("startup", table)
    return int(any(wall[name] > limit for name, limit in LIMITS_SECONDS.items()))


if __name__ == "__main__":
    sys.exit(main())
