"""Decoding for the engine: the most urgent first, nothing for nobody, and an answer whatever happens."""

import asyncio
from pathlib import Path

from commonspace.core.errors import CommonspaceError, ItemError, Unavailable
from commonspace.core.modality import Modality
from commonspace.encode.prepare import Prepared
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import Source, source_of
from commonspace.serve.decoding import Decoders, Errand
from commonspace.serve.terms import Terms
from tests.fakes import fake_embedder
from tests.unit.serve.engine_house import house

[PICTURE, *_] = sorted((Path(__file__).parents[3] / "samples").rglob("*.jpg"))


def decoders() -> Decoders:
    return Decoders(fake_embedder().preparer, Limits(), workers=1)


def test_an_item_for_a_store_is_decoded_but_not_embedded() -> None:
    async def run() -> None:
        async with house() as at:
            good = Source(uri="upload:x", name="x", origin=PICTURE.read_bytes())
            prepared = await at.engine.prepare(good, Terms())
            broken = await at.engine.prepare(source_of(b"\xff\xd8\xff broken"), Terms())

            assert not isinstance(prepared, ItemError)
            assert (prepared.uri, len(prepared.pieces)) == ("upload:x", 1)
            assert isinstance(broken, ItemError)
            assert at.towers[Modality.IMAGE].batches == []

    asyncio.run(run())


def test_the_most_urgent_is_next_and_what_nobody_wants_is_never_begun() -> None:
    async def run() -> list[str]:
        order: list[str] = []
        over, crew = asyncio.Event(), decoders()

        def errand(name: str, due: float, *, wanted: bool = True) -> Errand:
            def done(outcome: Prepared | CommonspaceError, _: float) -> None:
                order.append(name if isinstance(outcome, Prepared) else outcome.code)
                if len(order) == 3:
                    over.set()

            source = Source(uri=name, name=name, origin=PICTURE.read_bytes())
            return Errand(source=source, due=due, seconds=0.1, wanted=lambda: wanted, done=done)

        crew.start()
        for name, due in (("first", 9.0), ("late", 8.0), ("soon", 1.0)):
            crew.submit(errand(name, due))
        crew.submit(errand("gone", 0.0, wanted=False))
        await over.wait()
        assert (crew.num_waiting, crew.num_busy, crew.waiting_seconds) == (0, 0, 0.0)
        crew.close()
        return order

    assert asyncio.run(run()) == ["first", "soon", "late"]


def test_closing_answers_whoever_still_waits() -> None:
    async def run() -> list[type]:
        outcomes: list[type] = []
        crew = decoders()
        crew.start()
        for number in range(3):
            source = Source(uri=str(number), name="", origin=PICTURE.read_bytes())
            crew.submit(
                Errand(
                    source=source,
                    due=0.0,
                    seconds=0.1,
                    wanted=lambda: True,
                    done=lambda outcome, _: outcomes.append(type(outcome)),
                )
            )
        crew.close()
        return outcomes

    assert asyncio.run(run()) == [Unavailable] * 3
