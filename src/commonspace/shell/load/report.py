"""A measurement as one HTML page that works from a file: no script, nothing fetched, a table beside each plot."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path
from typing import Final, final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.serve.load.figures import STAGES, Group, percentile
from commonspace.serve.load.firing import Fired
from commonspace.shell.load.measuring import Measured
from commonspace.shell.load.plots import bars, lines

__all__ = ["LATENCY_HEAD", "STAGE_HEAD", "STYLE", "Page", "latency_rows", "page", "stage_rows", "write_page"]

CURVE: Final = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
TICKS: Final = {0.0: "0", 0.5: "50", 0.9: "90", 0.99: "99", 0.999: "99.9"}
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a;"
    "background:#ffffff}table{border-collapse:collapse;margin:1rem 0}th,td{border-bottom:1px solid #cccccc;"
    "padding:.25rem .75rem;text-align:right}th:first-child,td:first-child{text-align:left}caption{text-align:left;"
    "font-weight:600}svg{width:100%;height:auto;font:12px system-ui,sans-serif}svg polyline{stroke-width:2}"
    "code{word-break:break-word}"
)

Rows = Sequence[Sequence[str]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A title, words on what was measured, and measurements under their names."""

    title: str
    facts: Mapping[str, str]
    parts: Mapping[str, Measured]


def write_page(path: Path, about: Page) -> None:
    """Write the page.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(page(about), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", fix="Name another file.") from error


def page(about: Page) -> str:
    """The whole page."""
    facts = "".join(f"<tr><th scope='row'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in about.facts.items())
    parts = "".join(_part(name, measured) for name, measured in about.parts.items())
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(about.title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body><main>'
        f"<h1>{escape(about.title)}</h1><table><caption>What was measured</caption><tbody>{facts}</tbody></table>"
        f"{parts}<p>Times run from the moment at which a request was meant to be made. In brackets: the 95% interval"
        f" (bootstrap over requests).</p></main></body></html>\n"
    )


def latency_rows(groups: Sequence[Group]) -> list[list[str]]:
    """A row a group: how many, how fast, the percentiles with their intervals, and what was refused."""
    rows = []
    for group in groups:
        times = [f"{each.value:.1f} ({each.low:.1f}-{each.high:.1f})" for each in group.latency.values()]
        others = ", ".join(f"{count} {code}" for code, count in group.codes.items() if code != "ok")
        rate, items = f"{group.per_second:.1f}", f"{group.items_per_second:.1f}"
        rows.append([group.name, str(group.num_shots), rate, items, *(times or ["", "", ""]), others or "none"])
    return rows


def stage_rows(groups: Sequence[Group]) -> list[list[str]]:
    """A row a group and stage: its percentiles."""
    return [
        [group.name, stage, *(f"{value:.1f}" for value in group.stages[stage].values())]
        for group in groups
        for stage in STAGES
        if stage in group.stages
    ]


LATENCY_HEAD: Final = ("", "requests", "answered/s", "items/s", "p50 ms", "p95 ms", "p99 ms", "not answered")
STAGE_HEAD: Final = ("", "stage", "p50 ms", "p95 ms", "p99 ms")


def _part(name: str, measured: Measured) -> str:
    figures = measured.figures
    groups = [figures.everything, *figures.groups] if len(figures.groups) > 1 else list(figures.groups)
    stages = {
        group.name: {each: group.stages[each]["p50"] for each in STAGES if each in group.stages} for group in groups
    }
    curve = lines(
        f"{name}: time by percentile of requests",
        {g: _curve(f) for g, f in _times(measured.fired).items()},
        {_spread(quantile): words for quantile, words in TICKS.items()},
        "ms",
    )
    plotted = {group: parts for group, parts in stages.items() if parts}
    return (
        f"<section><h2>{escape(name)}</h2><p>{escape(measured.load.words())}</p>"
        + _table("Times of requests", LATENCY_HEAD, latency_rows(groups))
        + curve
        + _table("Where the time went", STAGE_HEAD, stage_rows(groups))
        + bars(f"{name}: median time by stage", plotted, "ms")
        + lines(f"{name}: answers a second over time", _over_time(measured.fired), _second_ticks(figures.seconds), "/s")
        + "</section>"
    )


def _times(fired: Sequence[Fired]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for each in fired:
        if each.outcome.is_ok:
            times.setdefault(each.modality.value, []).append(each.seconds * 1000)
    return times


def _curve(times: Sequence[float]) -> list[tuple[float, float]]:
    """As far as there are requests beyond a percentile."""
    ordered = np.sort(np.array(times))
    known = [quantile for quantile in CURVE if (1 - quantile) * len(ordered) >= 1]
    return [(_spread(quantile), percentile(ordered, quantile)) for quantile in known]


def _spread(quantile: float) -> float:
    """Percentiles spread out towards the last ones, which matter."""
    return -log10(1 - quantile)


def _over_time(fired: Sequence[Fired]) -> dict[str, list[tuple[float, float]]]:
    good = Counter(int(each.answered) for each in fired if each.outcome.is_ok)
    others = Counter(int(each.answered) for each in fired if not each.outcome.is_ok)
    last = max([*good, *others], default=0)
    series = {"answered": [(float(second), float(good[second])) for second in range(last + 1)]}
    if others:
        series["refused"] = [(float(second), float(others[second])) for second in range(last + 1)]
    return series


def _second_ticks(seconds: float) -> dict[float, str]:
    step = max(1, round(seconds / 6))
    return {float(second): f"{second} s" for second in range(0, int(seconds) + 1, step)}


def _table(caption: str, head: Sequence[str], rows: Rows) -> str:
    if not rows:
        return ""
    top = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(each)}</td>" for each in row[1:])}</tr>'
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
