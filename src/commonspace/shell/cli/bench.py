"""``commonspace bench serve``: how much a service carries, and how long its callers wait."""

from dataclasses import dataclass, field
from typing import Annotated, final

import typer

from commonspace.shell.cli.measure import Batch, Concurrency, Key, Rate, Report, Seed, Url, WarmUp, against, show
from commonspace.shell.cli.options import AsJson, Overrides
from commonspace.shell.cli.request import ExitCode

__all__ = ["BenchServe", "answer_bench_serve"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BenchServe:
    """Put a load on a service: so many callers in turn, or so many requests a second whatever it answers.

    Times run from the moment at which a request was meant to be made, so that stalls count for everybody who would
    have waited. Texts, pictures and sounds are made from a seed, and no two are the same.
    """

    url: Url = None
    mix: Annotated[
        str, typer.Option("--mix", metavar="SHARES", help="How often each modality is asked for: text=0.8,image=0.2.")
    ] = "text"
    concurrency: Concurrency = 8
    rate: Rate = None
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="How long.")] = 10.0
    warm_up: WarmUp = 2.0
    batch: Batch = 1
    seed: Seed = 0
    report: Report = None
    api_key: Key = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_bench_serve(request: BenchServe) -> ExitCode:
    """Measure once."""
    from commonspace.serve.load.traffic import Mix
    from commonspace.shell.load.measuring import Load

    load = Load(
        mix=Mix.parse(request.mix),
        concurrency=request.concurrency,
        rate=request.rate,
        seconds=request.seconds,
        warm_up_seconds=request.warm_up,
        batch=request.batch,
        seed=request.seed,
    )
    with against(request.url, request.api_key, request.overrides) as measure:
        measured = measure(load)
    show("commonspace bench serve", {"load": measured}, report=request.report, as_json=request.as_json)
    return ExitCode.FINE
