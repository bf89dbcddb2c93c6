"""The ``commonspace`` command: which commands there are. Imports nothing heavy, so that ``--help`` is quick."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from commonspace.shell.cli.advise import Advise, answer_advise
from commonspace.shell.cli.bench import BenchServe, answer_bench_serve
from commonspace.shell.cli.calibrate import Calibrate, answer_calibrate
from commonspace.shell.cli.context import Context, answer_context
from commonspace.shell.cli.embed import Embed, answer_embed
from commonspace.shell.cli.evaluate import (
    EvaluateAudiocaps,
    EvaluateBeir,
    EvaluateCoco,
    EvaluateImagenet,
    answer_evaluate_audiocaps,
    answer_evaluate_beir,
    answer_evaluate_coco,
    answer_evaluate_imagenet,
)
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
from commonspace.shell.cli.mcp import Mcp, answer_mcp
from commonspace.shell.cli.models import Models, answer_models
from commonspace.shell.cli.models_pull import OptimizeModel, PullModel, answer_optimize_model, answer_pull_model
from commonspace.shell.cli.models_show import CompareModels, ShowModel, answer_compare_models, answer_show_model
from commonspace.shell.cli.phrases import Phrases
from commonspace.shell.cli.profile import ProfileLatency, answer_profile_latency
from commonspace.shell.cli.request import ExitCode, command
from commonspace.shell.cli.search import Search, answer_search
from commonspace.shell.cli.serve import Serve, answer_serve
from commonspace.shell.cli.settings import Show, answer_show
from commonspace.shell.cli.several import BridgeModels, BundleModels, answer_bridge, answer_bundle
from commonspace.shell.cli.store import Describe, Remove, answer_describe, answer_remove
from commonspace.shell.cli.train import Train, answer_train
from commonspace.shell.cli.tune import Tune, answer_tune
from commonspace.shell.cli.wiring import House, Wiring

__all__ = ["build", "main"]

HELP = "Search pictures, sounds, videos, documents and text together, on your own machine."


def build(wiring: Wiring) -> typer.Typer:
    """Put the command line together over some wiring."""
    app = typer.Typer(
        name="commonspace", cls=Phrases, rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False
    )
    app.callback(help=HELP)(_root)

    def wired(answer: Callable[..., ExitCode]) -> Callable[[Any], ExitCode]:
        return partial(answer, wiring=wiring)

    command(app, "index", Index, wired(answer_index))
    command(app, "index tune", Tune, wired(answer_tune))
    command(app, "index advise", Advise, answer_advise)
    command(app, "search", Search, wired(answer_search))
    command(app, "context", Context, wired(answer_context))
    command(app, "embed", Embed, wired(answer_embed))
    command(app, "info", Describe, wired(answer_describe))
    command(app, "remove", Remove, wired(answer_remove))
    _add_models(app, wired)
    command(app, "calibrate", Calibrate, answer_calibrate)
    command(app, "train", Train, wired(answer_train))
    command(app, "serve", Serve, answer_serve)
    command(app, "mcp", Mcp, answer_mcp)
    keys = _group_of(app, "keys", "Who may use the service.")
    command(keys, "create", Create, answer_create)
    command(keys, "list", Listing, answer_list)
    command(keys, "revoke", Revoke, answer_revoke)
    command(keys, "rotate", Rotate, answer_rotate)
    bench = _group_of(app, "bench", "How much a service carries.")
    command(bench, "serve", BenchServe, answer_bench_serve)
    evaluate = _group_of(app, "evaluate", "How well a space finds.")
    command(evaluate, "beir", EvaluateBeir, answer_evaluate_beir)
    command(evaluate, "coco", EvaluateCoco, answer_evaluate_coco)
    command(evaluate, "imagenet", EvaluateImagenet, answer_evaluate_imagenet)
    command(evaluate, "audiocaps", EvaluateAudiocaps, answer_evaluate_audiocaps)
    profile = _group_of(app, "profile", "Where the time goes.")
    command(profile, "latency", ProfileLatency, answer_profile_latency)
    settings = _group_of(app, "settings", "The settings in force.")
    command(settings, "show", Show, answer_show)
    return app


def _add_models(app: typer.Typer, wired: Callable[[Callable[..., ExitCode]], Callable[[Any], ExitCode]]) -> None:
    """The commands about models."""
    command(app, "models", Models, wired(answer_models))
    command(app, "models list", Models, wired(answer_models))
    command(app, "models show", ShowModel, answer_show_model)
    command(app, "models compare", CompareModels, answer_compare_models)
    command(app, "models pull", PullModel, answer_pull_model)
    command(app, "models optimize", OptimizeModel, answer_optimize_model)
    command(app, "models bridge", BridgeModels, answer_bridge)
    command(app, "models bundle", BundleModels, answer_bundle)


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


def _group_of(app: typer.Typer, name: str, about: str) -> typer.Typer:
    """A group of commands under one name."""
    group = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    group.callback(help=about)(_group)
    app.add_typer(group, name=name)
    return group


def _group() -> None:
    """Nothing of its own: a callback is what keeps a group of one command a group."""
