"""``commonspace context``: what to answer a question from, with citations, within a token budget."""

from dataclasses import dataclass, field
from typing import Annotated, final

import typer

from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path
from commonspace.shell.cli.query import text_query
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring

__all__ = ["Context", "answer_context"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Gather passages, pictures and clips that answer a question, numbered and cited, for a language model to read.

    Weak matches are left out, so that there may be nothing.
    """

    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question; - reads standard input.")]
    budget: Annotated[int, typer.Option("--budget", min=1, metavar="TOKENS", help="How many tokens at most.")] = 2000
    k: Annotated[int, typer.Option("-k", min=1, help="How many items are considered.")] = 12
    weak: Annotated[bool, typer.Option("--weak", help="Weak matches too.")] = False
    store: StorePath = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_context(request: Context, wiring: Wiring) -> ExitCode:
    """Gather and print."""
    query = text_query(request.question)
    settings = settings_for(request.overrides, store=request.store)
    with wiring.open(store_path(settings), settings, create=False) as collection:
        found = collection.context(str(query.value), budget_tokens=request.budget, k=request.k, weak=request.weak)
    if request.as_json:
        print_json(found.to_dict())
        return ExitCode.FINE
    if found.passages:
        console().print(found.text(), markup=False, soft_wrap=True)
    else:
        remark("No good match. --weak shows the nearest all the same.")
    if found.num_left_out:
        remark(f"{found.num_left_out} more did not fit into {request.budget} tokens.")
    return ExitCode.FINE
