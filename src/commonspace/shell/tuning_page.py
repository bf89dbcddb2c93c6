"""What tuning measured as one HTML page that works from a file, and as a plot of characters for a terminal."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from commonspace.core.errors import UsageError
from commonspace.shell.load.plots import lines
from commonspace.shell.load.report import STYLE

if TYPE_CHECKING:
    from commonspace.index.tune import Trial

__all__ = ["HEAD", "characters", "rows", "write_tuning"]

HEAD: Final = ("index", "recall", "ms a query", "candidates", "effort", "build s")
COLUMNS, LINES = 60, 12
MARKS: Final = "ofsxi+h*b#"


def rows(trials: "Sequence[Trial]") -> list[list[str]]:
    """A row a trial, as ``HEAD`` names the columns."""
    return [
        [
            trial.choice.kind.value,
            f"{trial.recall:.4f}",
            f"{trial.milliseconds:.2f}",
            str(trial.choice.depth or ""),
            str(trial.choice.effort or ""),
            f"{trial.build_seconds:.1f}",
        ]
        for trial in trials
    ]


def characters(trials: "Sequence[Trial]") -> str:
    """Recall across, milliseconds upwards, a letter a kind; later letters lie over earlier ones."""
    low = min(trial.recall for trial in trials)
    high = max(trial.milliseconds for trial in trials) or 1.0
    field = [[" "] * COLUMNS for _ in range(LINES)]
    kinds = list(dict.fromkeys(trial.choice.kind.value for trial in trials))
    for trial in trials:
        across = round((trial.recall - low) / ((1.0 - low) or 1.0) * (COLUMNS - 1))
        up = round(trial.milliseconds / high * (LINES - 1))
        field[LINES - 1 - up][across] = MARKS[kinds.index(trial.choice.kind.value) % len(MARKS)]
    drawn = [f"{high:8.2f} ms |{''.join(field[0])}", *(f"{'':11} |{''.join(line)}" for line in field[1:])]
    marks = ", ".join(f"{MARKS[number % len(MARKS)]} {kind}" for number, kind in enumerate(kinds))
    scale = f"{'':11} +{'-' * COLUMNS}\n{'':13}{f'recall {low:.3f}':<{COLUMNS - 5}}1.000"
    return "\n".join([*(line.rstrip() for line in drawn), scale, f"{'':13}{marks}"])


def write_tuning(path: Path, facts: Mapping[str, str], trials: "Sequence[Trial]") -> None:
    """Write the page.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(_page(facts, trials), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", fix="Name another file.") from error


def _page(facts: Mapping[str, str], trials: "Sequence[Trial]") -> str:
    series: dict[str, list[tuple[float, float]]] = {}
    for trial in sorted(trials, key=lambda each: each.recall):
        series.setdefault(trial.choice.kind.value, []).append((trial.recall, trial.milliseconds))
    spread = {name: points if len(points) > 1 else [*points, *points] for name, points in series.items()}
    low = min(trial.recall for trial in trials)
    ticks = {low + step * (1.0 - low) / 4: f"{low + step * (1.0 - low) / 4:.3f}" for step in range(5)}
    known = "".join(f"<tr><th scope='row'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in facts.items())
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in HEAD)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(each)}</td>" for each in row[1:])}</tr>'
        for row in rows(trials)
    )
    title = "commonspace index tune"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body><main>'
        f"<h1>{title}</h1><table><caption>What was measured</caption><tbody>{known}</tbody></table>"
        f"{lines('time of one query by recall', spread, ticks, 'ms')}"
        f"<table><caption>Every trial</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "</main></body></html>\n"
    )
