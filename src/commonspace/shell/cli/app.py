"""The ``commonspace`` command: which commands there are. Imports nothing heavy, so that ``--help`` is quick."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from commonspace.shell.cli.bench import BenchServe, answer_bench_serve
from commonspace.shell.cli.embed import Embed, answer_embed
from commonspace.shell.cli.index import Index, answer_index
from commonspace.shell.cli.keys import (
    Create,
    Listing,
    Revoke,
    Rotate,
    answer_create,
    answer_list,
    answer_revoke,
    answer_rotate,
)
from commonspace.shell.cli.models import Models, answer_models
from commonspace.shell.cli.profile import ProfileLatency, answer_profile_latency
from commonspace.shell.cli.request import ExitCode, command
from commonspace.shell.cli.search import Search, answer_search
from commonspace.shell.cli.serve import Serve, answer_serve
from commonspace.shell.cli.settings import Show, answer_show
from commonspace.shell.cli.store import Describe, Remove, answer_describe, answer_remove
from commonspace.shell.cli.train import Train, answer_train
from commonspace.shell.cli.wiring import House, Wiring

__all__ = ["build", "main"]

HELP = "Search pictures, sounds, videos, documents and text together, on your own machine."


def build(wiring: Wiring) -> typer.Typer:
    """Put the command line together over some wiring."""
    app = typer.Typer(name="commonspace", rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback(help=HELP)(_root)

    def wired(answer: Callable[..., ExitCode]) -> Callable[[Any], ExitCode]:
        return partial(answer, wiring=wiring)

    command(app, "index", Index, wired(answer_index))
    command(app, "search", Search, wired(answer_search))
    command(app, "embed", Embed, wired(answer_embed))
    command(app, "info", Describe, wired(answer_describe))
    command(app, "remove", Remove, wired(answer_remove))
    command(app, "models", Models, wired(answer_models))
    command(app, "train", Train, wired(answer_train))
    command(app, "serve", Serve, answer_serve)
    keys = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    keys.callback(help="Who may use the service.")(_group)
    command(keys, "create", Create, answer_create)
    command(keys, "list", Listing, answer_list)
    command(keys, "revoke", Revoke, answer_revoke)
    command(keys, "rotate", Rotate, answer_rotate)
    app.add_typer(keys, name="keys")
    bench = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    bench.callback(help="How much a service carries.")(_group)
    command(bench, "serve", BenchServe, answer_bench_serve)
    app.add_typer(bench, name="bench")
    profile = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    profile.callback(help="Where the time goes.")(_group)
    command(profile, "latency", ProfileLatency, answer_profile_latency)
    app.add_typer(profile, name="profile")
    settings = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    settings.callback(help="The settings in force.")(_group)
    command(settings, "show", Show, answer_show)
    app.add_typer(settings, name="settings")
    return app


def main() -> None:
    """Run the command line; Ctrl-C before a command has begun exits like Ctrl-C within one."""
    try:
        build(House())(prog_name="commonspace")
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(f"commonspace {version('commonspace')}")
    except PackageNotFoundError:
        typer.echo("commonspace (running from source, not installed)")
    raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command as a whole."""


def _group() -> None:
    """Nothing of its own: a callback is what keeps a group of one command a group."""
