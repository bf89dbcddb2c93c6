"""``commonspace profile latency``: where the time of a request goes, by modality."""

from dataclasses import dataclass, field
from typing import Annotated, final

import typer

from commonspace.shell.cli.measure import Batch, Concurrency, Key, Rate, Report, Seed, Url, WarmUp, against, show
from commonspace.shell.cli.options import AsJson, Overrides
from commonspace.shell.cli.request import ExitCode

__all__ = ["ProfileLatency", "answer_profile_latency"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLatency:
    """Measure each modality by itself, at a batch size and a load, with decoding, queue and inference apart.

    What is not inference is the floor below which no faster model brings a request.
    """

    url: Url = None
    modalities: Annotated[str, typer.Option("--modalities", metavar="NAMES", help="Which, with commas between.")] = (
        "text,image,audio"
    )
    batch: Batch = 1
    concurrency: Concurrency = 1
    rate: Rate = None
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="How long, for each modality.")] = 5.0
    warm_up: WarmUp = 1.0
    seed: Seed = 0
    report: Report = None
    api_key: Key = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_profile_latency(request: ProfileLatency) -> ExitCode:
    """Measure one modality after another."""
    from commonspace.serve.load.traffic import Mix
    from commonspace.shell.load.measuring import Load

    mixes = {name: Mix.parse(name) for name in filter(None, map(str.strip, request.modalities.split(",")))}
    loads = {
        name: Load(
            mix=mix,
            concurrency=request.concurrency,
            rate=request.rate,
            seconds=request.seconds,
            warm_up_seconds=request.warm_up,
            batch=request.batch,
            seed=request.seed,
        )
        for name, mix in mixes.items()
    }
    with against(request.url, request.api_key, request.overrides) as measure:
        measured = {name: measure(load) for name, load in loads.items()}
    show("commonspace profile latency", measured, report=request.report, as_json=request.as_json)
    return ExitCode.FINE
