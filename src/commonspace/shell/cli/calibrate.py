"""``commonspace calibrate``: fit hubs, probabilities and "no good match" to one store, and say what that brought."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.measure import table
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from commonspace.apps.calibration_report import CalibrationReport, Estimate

__all__ = ["Calibrate", "answer_calibrate", "read_pairs", "read_queries"]

BIAS_HEAD = ("tower", "queries", "correction", "R@1", "R@1 gain", "reciprocal rank", "gain", "used")
DIRECTION_HEAD = ("direction", "queries", "error before", "error after", "used")
NONE_HEAD = ("query", "with an answer", "without", "said below", "precision", "said when so", "used")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrate:
    """Fit a store's own hubness correction, probabilities and "no good match" to what people ask of it.

    Typical queries (one a line) make the bank of the hubness correction. Labelled pairs (a query, a tab and the item
    that answers; or JSON lines) check it and calibrate the scores. What does not help queries that the fit did not see
    is left as it is. The store uses the result in place of the space's own from its next opening on.
    """

    queries: Annotated[
        Path | None,
        typer.Option("--queries", metavar="FILE", help="Typical queries, one a line. Default: the space's own bank."),
    ] = None
    pairs: Annotated[
        Path | None, typer.Option("--pairs", metavar="FILE", help="Queries with the items that answer them.")
    ] = None
    forget: Annotated[bool, typer.Option("--forget", help="Go back to the space's own calibration.")] = False
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of what is drawn, and of the halves.")] = 0
    store: StorePath = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_calibrate(request: Calibrate) -> ExitCode:
    """Calibrate the store, or undo it."""
    from commonspace.apps.calibrate_store import Typical
    from commonspace.shell import wire

    settings = settings_for(request.overrides, store=request.store)
    path = store_path(settings)
    if request.forget:
        if request.queries or request.pairs:
            raise UsageError("--forget takes no queries and no pairs.", fix="Forget first, then calibrate anew.")
        _forgotten(forgot=wire.forget_calibration(path), as_json=request.as_json)
        return ExitCode.FINE
    queries = () if request.queries is None else tuple(read_queries(request.queries))
    pairs = () if request.pairs is None else tuple(read_pairs(request.pairs))
    with wire.open_collection(path, settings) as collection:
        report = collection.calibrate(Typical(queries=queries, pairs=pairs, seed=request.seed))
    if request.as_json:
        print_json({"store": str(path), **report.to_dict()})
    else:
        _show(report, path)
    return ExitCode.FINE


def read_queries(path: Path) -> Iterator[str]:
    """The lines that are not empty.

    Raises:
        UsageError: the file cannot be read.
    """
    yield from (line.strip() for line in _text(path).splitlines() if line.strip())


def read_pairs(path: Path) -> Iterator[tuple[object, str | None]]:
    """Queries with their items: a text, a tab and an item a line, or JSON with ``text`` or ``file``, and ``item``.

    A text with a tab and nothing behind it, or null as the ``item``, is a query that nothing answers.

    Raises:
        UsageError: the file cannot be read, or a line is no pair.
    """
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        pair = _json_pair(path, line) if line.lstrip().startswith("{") else _tab_pair(line)
        if pair is None:
            raise UsageError(
                f"Line {number} of {path} is no pair.",
                fix='Write a text, a tab and an item; or {"text": "a dog", "item": "dog.jpg"} ("file" for media).',
            )
        yield pair


def _tab_pair(line: str) -> tuple[object, str | None] | None:
    query, tab, item = line.partition("\t")
    return (query.strip(), item.strip() or None) if query.strip() and tab else None


def _json_pair(path: Path, line: str) -> tuple[object, str | None] | None:
    import orjson

    try:
        record: Any = orjson.loads(line)
        item, text, file = record["item"], record.get("text"), record.get("file")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(item, str | None) or (text is None) == (file is None):
        return None
    return (str(text) if file is None else path.parent / str(file)), item


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", fix="Name a file of UTF-8 text.") from error


def _forgotten(*, forgot: bool, as_json: bool) -> None:
    if as_json:
        print_json({"forgotten": forgot})
    else:
        console().print("The space's own calibration serves again." if forgot else "There was nothing to forget.")


def _show(report: "CalibrationReport", path: Path) -> None:
    from commonspace.apps.calibration_report import bank_words

    rows = [
        (
            each.tower.value,
            str(each.num_queries),
            bank_words(each.bank),
            f"{each.first:.3f}",
            _cell(each.first_gain, sign="+"),
            f"{each.reciprocal_rank:.3f}",
            _cell(each.gain, sign="+"),
            _used(used=each.adopted),
        )
        for each in report.biases
    ]
    table("hubs: what the best correction gains for queries that it was not chosen on", BIAS_HEAD, rows)
    table("probabilities: calibration error of the first ten hits", DIRECTION_HEAD, _direction_rows(report))
    table('"no good match", when as many queries have an answer as have none', NONE_HEAD, _none_rows(report))
    out = console()
    judged = "labelled pairs" if report.labelled else "the items' names (no pairs were given)"
    out.print(f"judged by {judged}; in brackets the 95% bootstrap interval over queries", markup=False)
    if report.num_unused:
        remark(f"{report.num_unused} queries or pairs could not be read, or name no item of the store")
    used = "uses what is marked from its next opening on" if report.adopted else "keeps the space's own calibration"
    out.print(f"{printable(str(path))} {used}", markup=False, soft_wrap=True)


def _direction_rows(report: "CalibrationReport") -> Sequence[Sequence[str]]:
    return [
        (
            "->".join(each.pair),
            str(each.num_queries),
            "" if each.before is None else f"{each.before:.3f}",
            _cell(each.error),
            _used(used=each.adopted),
        )
        for each in report.directions
    ]


def _none_rows(report: "CalibrationReport") -> Sequence[Sequence[str]]:
    return [
        (
            each.query.value,
            str(each.num_queries),
            f"{each.num_unanswered}{' (taken away)' if each.taken_away else ''}",
            f"{each.threshold:.3f}",
            _cell(each.precision),
            _cell(each.recall),
            _used(used=each.adopted),
        )
        for each in report.nones
    ]


def _cell(estimate: "Estimate | None", *, sign: str = "") -> str:
    if estimate is None:
        return "-"
    return f"{estimate.value:{sign}.3f} ({estimate.low:{sign}.3f} to {estimate.high:{sign}.3f})"


def _used(*, used: bool) -> str:
    return "yes" if used else "as it was"
