"""The log of a run as it goes: a CSV that any table program reads, and TensorBoard's event files beside it.

A run that was cut short and goes on from a checkpoint overwrites what it had logged past that checkpoint.
"""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from commonspace.align.plan import Progress
from commonspace.core.errors import MissingExtra

__all__ = ["EVENTS", "TABLE", "Journal"]

TABLE, EVENTS = "log.csv", "tensorboard"
FIRST = ("step", "loss", "rate", "score")


@final
class Journal:
    """Writes every ``every_steps``-th step, every watched one and the last; close it, or use ``with``.

    Raises:
        MissingExtra: the extra ``train`` is not installed.
    """

    def __init__(self, folder: Path, *, every_steps: int = 10) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise MissingExtra("The logs need tensorboardX.", fix="pip install 'commonspace[train]'") from error
        folder.mkdir(parents=True, exist_ok=True)
        self._table = folder / TABLE
        self._every = every_steps
        self._columns: list[str] = []
        self._rows: list[dict[str, Any]] | None = _read(self._table)
        self._open: Callable[[int], Any] = lambda step: SummaryWriter(str(folder / EVENTS), purge_step=step)
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Flush and let go."""
        if self._writer is not None:
            self._writer.close()

    def __call__(self, progress: Progress) -> None:
        """Note a step, if it is one of those that are noted."""
        noted = progress.score is not None or progress.step == progress.num_steps
        if self._writer is None:
            self._writer = self._open(progress.step)
        if not noted and progress.step % self._every:
            return
        row = _row(progress)
        for name, value in row.items():
            if name != "step" and value is not None:
                self._writer.add_scalar(name, value, progress.step)
        self._write(row)

    def _write(self, row: Mapping[str, Any]) -> None:
        """Append a line; the file is written anew when it begins, goes back in steps, or gets a new column."""
        unknown = [name for name in row if name not in self._columns]
        if self._rows is None and not unknown:
            with self._table.open("a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, self._columns).writerow(row)
            return
        kept = [each for each in self._rows or _read(self._table) if int(each["step"]) < row["step"]]
        self._columns = list(dict.fromkeys([*FIRST, *(name for each in kept for name in each), *row]))
        with self._table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows([*kept, row])
        self._rows = None


def _row(progress: Progress) -> dict[str, Any]:
    return {
        "step": progress.step,
        "loss": progress.loss,
        "rate": progress.rate,
        "score": progress.score,
        **{f"part/{name}": value for name, value in sorted(progress.parts.items())},
        **{f"temperature/{name}": value for name, value in sorted(progress.temperatures.items())},
    }


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
