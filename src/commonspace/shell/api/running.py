"""What every embedding route does between its request and its answer: limits, rates, the engine, sums, cuts."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar, final

import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from commonspace.core.errors import ClientGone, ItemError, TooLarge, UsageError
from commonspace.core.item import Metadata
from commonspace.core.vectors import unit
from commonspace.serve.answer import Answer, Timing, Usage
from commonspace.serve.backend import Backend
from commonspace.serve.terms import Terms
from commonspace.shell.api.parts import Wish
from commonspace.shell.api.terms import caller_of

__all__ = ["Embedded", "attended", "backend_of", "check_model", "embed_wishes", "fail_first"]

T = TypeVar("T")
LEAST_SUM: Final = 1e-6


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """One vector of the answer (d, unit length) and what went into it."""

    vector: NDArray[np.float32]
    modality: str
    notes: tuple[str, ...]
    truncated: bool
    cached: bool
    usage: Usage
    timing: Timing
    compute_seconds: float
    metadata: Metadata = field(default_factory=dict)


def backend_of(request: Request) -> Backend:
    """The parts of the service that a request came to."""
    backend: Backend = request.app.state.backend
    return backend


def check_model(backend: Backend, name: str | None) -> None:
    """Check that the model asked for is the one that is served.

    Raises:
        UsageError: it is another.
    """
    known = backend.model.name
    if name not in {None, known, f"commonspace/{known}"}:
        raise UsageError(f"This service does not serve the model '{name}'.", fix=f"Use '{known}'.")


async def embed_wishes(
    request: Request, wishes: Sequence[Wish | ItemError], terms: Terms, dimensions: int | None
) -> list[Embedded | ItemError]:
    """One vector or error a wish, in order.

    Raises:
        TooLarge: more items than a request may have.
        UsageError: a size that the space was not trained for.
        Refusal: the engine refuses, or the key has used up its compute.
    """
    backend = backend_of(request)
    most = backend.settings.server.request_items
    if len(wishes) > most:
        raise TooLarge(f"The request has {len(wishes)} items; {most} are allowed.", fix="Send several requests.")
    if dimensions is not None:
        backend.engine.space.require_dimension(dimensions)
    sources = [wanted.source for wish in wishes if not isinstance(wish, ItemError) for wanted in wish]
    estimate = backend.engine.estimates.demand(sources)
    milliseconds = 1000 * (estimate.decode_seconds + estimate.tower_seconds)
    with backend.buckets.reserve(caller_of(request), milliseconds) as reservation:
        answers = iter(await attended(request, backend.engine.embed(sources, terms)) if sources else ())
        results = [
            wish if isinstance(wish, ItemError) else _fused(wish, [next(answers) for _ in wish], dimensions)
            for wish in wishes
        ]
        spent = sum(result.compute_seconds for result in results if isinstance(result, Embedded))
        reservation.settle(1000 * spent)
    request.state.embedded = results
    return results


async def attended(request: Request, work: Awaitable[T]) -> T:
    """Do work as long as the client is there; its body must have been read.

    Raises:
        ClientGone: it went away; the work is given up.
    """
    mine, is_over = asyncio.current_task(), False
    leaving = asyncio.ensure_future(_left(request))

    def gone(_: asyncio.Future[None]) -> None:
        if not is_over and mine is not None:
            mine.cancel()

    leaving.add_done_callback(gone)
    try:
        return await work
    except asyncio.CancelledError:
        if leaving.done() and mine is not None and mine.uncancel() == 0:
            raise ClientGone("The client went away.", fix="Keep the connection open.") from None
        raise
    finally:
        is_over = True
        leaving.cancel()


def fail_first(request: Request, results: Sequence[Embedded | ItemError], place: str) -> list[Embedded]:
    """All vectors, if there are no errors.

    Raises:
        ItemError: the first.
    """
    for index, result in enumerate(results):
        if isinstance(result, ItemError):
            request.state.param = f"{place}.{index}"
            raise result
    return [result for result in results if isinstance(result, Embedded)]


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _fused(wish: Wish, answers: Sequence[Answer | ItemError], dimensions: int | None) -> Embedded | ItemError:
    """One vector of a wish's parts; a part that is not what it should be is an error."""
    good = []
    for wanted, answer in zip(wish, answers, strict=True):
        if isinstance(answer, ItemError):
            return answer
        if wanted.modality not in {None, answer.modality}:
            cause = f"The request says {wanted.modality}, but the bytes are {answer.modality}."
            return ItemError("wrong_type", cause, fix=f"Send it as a part for {answer.modality}.")
        good.append(answer)
    vector = good[0].vector
    if len(good) > 1:
        total = np.einsum("i,ij->j", [wanted.weight for wanted in wish], np.stack([each.vector for each in good]))
        if float(np.linalg.norm(total)) < LEAST_SUM:
            return ItemError("bad_value", "The weighted parts cancel out.", fix="Use other weights.")
        vector = unit(total[None].astype(np.float32))[0]
    if dimensions is not None and dimensions < len(vector):
        vector = unit(vector[None, :dimensions])[0]
    return Embedded(
        vector=vector,
        modality="+".join(dict.fromkeys(answer.modality for answer in good)),
        notes=tuple(note for answer in good for note in answer.notes),
        truncated=any(answer.truncated for answer in good),
        cached=all(answer.cached for answer in good),
        usage=sum((answer.usage for answer in good), Usage()),
        timing=max((answer.timing for answer in good), key=_total),
        metadata=good[0].metadata if len(good) == 1 else {},
        compute_seconds=sum(answer.compute_seconds for answer in good),
    )


def _total(timing: Timing) -> float:
    return timing.decode_seconds + timing.queue_seconds + timing.inference_seconds
