"""What the two measuring commands share: options, the service that is measured, and how the figures are shown."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from commonspace.serve.load.figures import Group
    from commonspace.shell.load.measuring import Load, Measured

__all__ = ["Batch", "Concurrency", "Key", "Rate", "Report", "Seed", "Url", "WarmUp", "against", "show", "table"]

Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="The service to measure; left out, one is started here.")
]
Key = Annotated[
    str | None, typer.Option("--api-key", metavar="KEY", help="The key to use. Default: COMMONSPACE_API_KEY.")
]
Concurrency = Annotated[int, typer.Option("--concurrency", "-c", metavar="N", help="How many callers in turn.")]
Rate = Annotated[
    float | None, typer.Option("--rate", metavar="R", help="Requests a second instead, at random times (Poisson).")
]
WarmUp = Annotated[float, typer.Option("--warm-up", metavar="S", help="Seconds before that do not count.")]
Batch = Annotated[int, typer.Option("--batch", metavar="N", help="Items a request.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Another seed makes other items and times.")]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page with tables and plots.")
]


@contextmanager
def against(url: str | None, key: str | None, overrides: Sequence[str]) -> "Iterator[Callable[[Load], Measured]]":
    """What puts a load on the service at an address, or on one that runs while the block does."""
    from commonspace.shell.client.reach import Reach
    from commonspace.shell.load.launch import free_port, running, serve_command
    from commonspace.shell.load.measuring import ask_ready, measure
    from commonspace.shell.load.shooting import Ours

    if url is not None:
        reach = Reach.of(url, key)
        dialect = Ours(headers=reach.headers())
        yield lambda load: measure(reach.url, dialect, load)
        return
    port = free_port()
    with TemporaryDirectory(prefix="commonspace-") as state:
        remark("Starting a service on this machine ...")
        command = serve_command(port, [f"server.state_folder={state}", *overrides])
        with running(command, port, ask_ready) as started:
            yield lambda load: measure(started.url, Ours(headers={}), load)


def show(title: str, parts: "Mapping[str, Measured]", *, report: Path | None, as_json: bool) -> None:
    """Show measurements as a table or one document, and as a page if one is wanted."""
    from commonspace.shell.load.report import LATENCY_HEAD, STAGE_HEAD, Page, latency_rows, stage_rows, write_page

    if report is not None:
        facts = {**_facts(), "command": " ".join(["commonspace", *sys.argv[1:]])}
        write_page(report, Page(title=title, facts=facts, parts=parts))
    if as_json:
        runs = {name: {"load": each.load.words(), **each.figures.to_dict()} for name, each in parts.items()}
        print_json({"title": title, "machine": _facts(), "runs": runs})
        return
    for name, each in parts.items():
        groups = _groups(each)
        table(f"{name}: {each.load.words()}", LATENCY_HEAD, latency_rows(groups))
        table("where the time went", STAGE_HEAD, stage_rows(groups))
        if late := each.figures.late_ms.get("p99"):
            remark(f"The loader itself was up to {late:.1f} ms late (p99); that is in the times.")
    if report is not None:
        remark(f"Wrote {report}.")


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    shown = Table(title=Text(printable(title)), title_justify="left", box=SIMPLE, pad_edge=False)
    for place, name in enumerate(head):
        shown.add_column(name, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(each)) for each in row))
    console().print(shown)


def _groups(measured: "Measured") -> "list[Group]":
    """All shots and each modality's; where there is one modality, all is it."""
    figures = measured.figures
    return [figures.everything, *figures.groups] if len(figures.groups) > 1 else list(figures.groups)


def _facts() -> dict[str, Any]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("commonspace")
    except PackageNotFoundError:
        own = "from source"
    return {
        "commonspace": own,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": str(os.cpu_count() or 0),
    }
