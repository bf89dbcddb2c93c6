"""The engine under load: each item once, together where it pays, the urgent first, and an answer for everybody."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import DeadlineMissed, ItemError, ModelError, Overloaded
from commonspace.core.modality import Modality
from commonspace.ingest.source import Source, source_of
from commonspace.serve.answer import Answer
from commonspace.serve.cost import Curve
from commonspace.serve.terms import Terms, Urgency
from tests.fakes import fake_embedder
from tests.unit.serve.engine_house import House, counter, house

SAMPLES = Path(__file__).parents[3] / "samples"
HALF_THE_TIME = Curve(base_seconds=0.0, unit_seconds=50.0 / 256)
BULK = Terms(urgency=Urgency.BULK)


def texts(*words: str) -> list[Source]:
    return [source_of(word) for word in words]


def media() -> list[Path]:
    found = [path for kind in ("jpg", "wav", "png") for path in sorted(SAMPLES.rglob(f"*.{kind}"))[:2]]
    assert found
    return found


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until it holds."""
    while not condition():  # noqa: ASYNC110  # what is waited for has no event
        await asyncio.sleep(0.001)


async def held(at: House, work: Awaitable[object]) -> "asyncio.Task[object]":
    """Work whose batch is on the slot, held there."""
    at.towers[Modality.TEXT].free.clear()
    task = asyncio.ensure_future(work)
    await until(lambda: at.engine.floor.num_running == 1)
    return task


def test_vectors_are_those_of_each_item_alone_in_any_mix() -> None:
    async def run() -> None:
        async with house(slots=2, workers=2) as at:
            sources = [source_of(path.read_bytes()) for path in media()] + texts("rain", "a dog", "rain " * 400)
            together = await asyncio.gather(*(at.engine.embed([source], Terms()) for source in sources * 2))

        alone = fake_embedder().embed([source.origin for source in sources])
        for [answer], vector in zip(together, [*alone, *alone], strict=True):
            assert isinstance(answer, Answer)
            assert float(answer.vector @ vector) >= 0.9999

    asyncio.run(run())


def test_answers_come_in_order_and_say_what_was_embedded() -> None:
    async def run() -> None:
        async with house() as at:
            [picture] = [path for path in media() if path.suffix == ".jpg"][:1]
            answers = await at.engine.embed([*texts("one"), source_of(picture.read_bytes())], Terms())

        assert [answer.modality for answer in answers if isinstance(answer, Answer)] == [Modality.TEXT, Modality.IMAGE]
        assert [answer.usage.pixels > 0 for answer in answers if isinstance(answer, Answer)] == [False, True]

    asyncio.run(run())


def test_the_same_item_is_computed_once_while_and_after_it_is_computed() -> None:
    async def run() -> None:
        async with house() as at:
            first = await held(at, at.engine.embed(texts("rain"), Terms()))
            second = asyncio.ensure_future(at.engine.embed(texts("rain", "rain"), Terms()))
            await until(lambda: counter(at.meters, "cache", outcome="joined") == 2)
            at.towers[Modality.TEXT].free.set()
            [a], [b, c] = await first, await second
            [d] = await at.engine.embed(texts("rain"), Terms())

            assert np.array_equal(a.vector, b.vector)
            assert np.array_equal(b.vector, c.vector)
            assert (d.cached, d.compute_seconds) == (True, 0.0)
            assert at.towers[Modality.TEXT].batches == [1]

    asyncio.run(run())


def test_tenants_share_neither_memory_nor_work() -> None:
    async def run() -> None:
        async with house() as at:
            await at.engine.embed(texts("rain"), Terms(tenant="a"))
            [answer] = await at.engine.embed(texts("rain"), Terms(tenant="b"))

            assert not answer.cached
            assert at.towers[Modality.TEXT].batches == [1, 1]

    asyncio.run(run())


def test_what_waits_while_the_tower_is_busy_goes_together() -> None:
    async def run() -> None:
        async with house() as at:
            first = await held(at, at.engine.embed(texts("first"), Terms()))
            others = [asyncio.ensure_future(at.engine.embed(texts(f"text {n}"), Terms())) for n in range(20)]
            await until(lambda: at.engine.floor.lanes[Modality.TEXT].num_waiting == 20)
            at.towers[Modality.TEXT].free.set()
            await asyncio.gather(first, *others)

            assert at.towers[Modality.TEXT].batches == [1, 20]

    asyncio.run(run())


def test_a_batch_keeps_within_its_budget_and_one_piece_always_fits() -> None:
    async def run() -> None:
        async with house(budget_seconds=0.5, curve=Curve(base_seconds=0.0, unit_seconds=0.2 / 256)) as at:
            await at.engine.embed(texts(*(f"text {n}" for n in range(5))), Terms())

            assert at.towers[Modality.TEXT].batches == [2, 2, 1]

        async with house(budget_seconds=0.01, curve=Curve(base_seconds=0.0, unit_seconds=0.2 / 256)) as at:
            await at.engine.embed(texts("one", "two"), Terms())

            assert at.towers[Modality.TEXT].batches == [1, 1]

    asyncio.run(run())


def test_the_interactive_goes_before_bulk_that_came_earlier() -> None:
    async def run() -> None:
        order = []

        async def ask(name: str, terms: Terms, at: House) -> None:
            await at.engine.embed(texts(name), terms)
            order.append(name)

        async with house(budget_seconds=1e-9) as at:
            first = await held(at, ask("first", Terms(), at))
            bulk = [asyncio.ensure_future(ask(f"bulk {n}", BULK, at)) for n in range(3)]
            await until(lambda: at.engine.floor.lanes[Modality.TEXT].num_waiting == 3)
            interactive = asyncio.ensure_future(ask("interactive", Terms(), at))
            await until(lambda: at.engine.floor.lanes[Modality.TEXT].num_waiting == 4)
            at.towers[Modality.TEXT].free.set()
            await asyncio.gather(first, interactive, *bulk)

        assert order == ["first", "interactive", "bulk 0", "bulk 1", "bulk 2"]

    asyncio.run(run())


def test_what_cannot_be_done_in_time_is_refused_before_it_is_begun() -> None:
    async def run() -> None:
        async with house(objective=100.0, budget_seconds=500.0, curve=HALF_THE_TIME) as at:
            first = await held(at, at.engine.embed(texts("first", "second"), Terms()))
            with pytest.raises(Overloaded) as refused:
                await at.engine.embed(texts("third"), Terms())
            at.towers[Modality.TEXT].free.set()
            await first

            assert refused.value.retry_after_seconds is not None
            assert 0 < refused.value.retry_after_seconds <= 50
            assert counter(at.meters, "refusals", cause="overloaded") == 1
            assert sum(at.towers[Modality.TEXT].batches) == 2

    asyncio.run(run())


def test_a_request_without_time_left_is_refused_and_one_that_runs_out_is_answered() -> None:
    async def run() -> None:
        async with house() as at:
            with pytest.raises(DeadlineMissed, match="no time left"):
                await at.engine.embed(texts("late"), Terms(deadline=time.monotonic() - 1))
            first = await held(at, at.engine.embed(texts("first"), Terms()))
            with pytest.raises(DeadlineMissed, match="by its deadline"):
                await at.engine.embed(texts("second"), Terms(deadline=time.monotonic() + 0.05))
            at.towers[Modality.TEXT].free.set()
            await first
            await until(lambda: at.engine.floor.num_running == 0)

            assert at.towers[Modality.TEXT].batches == [1]
            assert counter(at.meters, "dropped", cause="deadline") == 1

    asyncio.run(run())


def test_work_whose_client_has_gone_is_dropped_unless_another_waits_for_it() -> None:
    async def run() -> None:
        async with house() as at:
            first = await held(at, at.engine.embed(texts("first"), Terms()))
            gone = asyncio.ensure_future(at.engine.embed(texts("gone", "shared"), Terms()))
            stays = asyncio.ensure_future(at.engine.embed(texts("shared"), Terms()))
            await until(lambda: counter(at.meters, "cache", outcome="joined") == 1)
            gone.cancel()
            await asyncio.wait([gone])
            at.towers[Modality.TEXT].free.set()
            [answer] = await stays
            await first

            assert isinstance(answer, Answer)
            assert at.towers[Modality.TEXT].batches == [1, 1]
            assert counter(at.meters, "dropped", cause="gone") == 1
            assert sum(at.engine.admission.on_the_way.values()) == 0

    asyncio.run(run())


def test_a_batch_that_fails_costs_the_piece_at_fault_alone() -> None:
    async def run() -> None:
        async with house() as at:
            tower = at.towers[Modality.TEXT]
            first = await held(at, at.engine.embed(texts("first"), Terms()))
            tower.poison = ord("!")
            asked = [asyncio.ensure_future(at.engine.embed(texts(word), Terms())) for word in ("fine", "bad!", "good")]
            await until(lambda: at.engine.floor.lanes[Modality.TEXT].num_waiting == 3)
            tower.free.set()
            fine, bad, good = await asyncio.gather(*asked, return_exceptions=True)
            await first

            assert isinstance(bad, ModelError)
            assert not isinstance(fine, BaseException)
            assert not isinstance(good, BaseException)
            assert tower.batches == [1, 3, 1, 1, 1]

    asyncio.run(run())


def test_a_bad_item_has_its_own_error_beside_the_others_vectors() -> None:
    async def run() -> None:
        async with house() as at:
            broken = source_of(b"\x89PNG\r\n\x1a\n" + b"nonsense" * 9)
            answers = await at.engine.embed([*texts("fine"), broken, *texts("too")], Terms())

        assert [type(answer) for answer in answers] == [Answer, ItemError, Answer]

    asyncio.run(run())


def test_a_killed_decoder_costs_at_most_one_item_and_is_replaced() -> None:
    async def run() -> None:
        async with house(workers=2) as at:
            await until(lambda: at.engine.health().ready)
            pids = at.engine.decoders.pids
            sources = [source_of(path.read_bytes()) for path in media()]
            asked = [
                asyncio.ensure_future(at.engine.embed([source], Terms(tenant=str(n))))
                for n in range(8)
                for source in sources
            ]
            await asyncio.sleep(0)
            os.kill(pids[0], signal.SIGKILL)
            await until(lambda: not at.engine.health().ready)
            answers = [answer for [answer] in await asyncio.gather(*asked)]
            await until(lambda: at.engine.health().ready)

            errors = [answer.item_code for answer in answers if isinstance(answer, ItemError)]
            assert errors in ([], ["decoder_died"])
            assert pids[0] not in at.engine.decoders.pids

    asyncio.run(run())


def test_closing_finishes_what_was_accepted() -> None:
    async def run() -> None:
        async with house() as at:
            work = await held(at, at.engine.embed(texts("accepted"), Terms()))
            closing = asyncio.ensure_future(at.engine.close())
            await asyncio.sleep(0)
            assert not at.engine.health().ready
            at.towers[Modality.TEXT].free.set()
            [answer] = await work
            await closing

        assert isinstance(answer, Answer)

    asyncio.run(run())


def test_threads_embed_in_bulk_through_the_same_queues() -> None:
    async def run() -> None:
        async with house() as at:
            rows = await asyncio.to_thread(at.engine.embedder.embed, ["rain", "snow"])

            assert np.allclose(rows, fake_embedder().embed(["rain", "snow"]))
            assert sum(at.towers[Modality.TEXT].batches) == 2

    asyncio.run(run())
