"""``commonspace settings show``: every setting, its value, and who set it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from commonspace.shell.cli.answer import console, print_json
from commonspace.shell.cli.options import AsJson, Overrides, flags
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from commonspace.serve.settings import Origin

__all__ = ["Show", "answer_show"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Show every setting and where its value comes from: default, settings file, environment or flag."""

    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_show(request: Show) -> ExitCode:
    """Show the settings that a command with the same flags would run under."""
    from commonspace.serve.settings import Settings

    given = flags(request.overrides)
    origins = list(Settings.load(given).origins(given))
    if request.as_json:
        print_json({"settings": {each.name: {"value": _plain(each), "source": each.source} for each in origins}})
        return ExitCode.FINE
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold")
    for each in origins:
        style = "dim" if each.source == "default" else "bold"
        value = "" if each.value is None else printable(str(each.value))
        table.add_row(Text(each.name), Text(value), Text(printable(each.source), style=style))
    console().print(table)
    return ExitCode.FINE


def _plain(origin: "Origin") -> Any:
    return origin.value if isinstance(origin.value, (int, float, str, bool, type(None))) else str(origin.value)
