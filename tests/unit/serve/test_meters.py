"""What is measured of interactive items: whether each was done by the time that its objective or request allowed."""

import asyncio

import pytest

from commonspace.core.modality import Modality
from commonspace.ingest.source import source_of
from commonspace.serve.meters import Meters
from commonspace.serve.terms import Terms, Urgency
from tests.unit.serve.engine_house import counter, house


@pytest.mark.parametrize(("in_time", "expected"), [(True, (1.0, 0.0)), (False, (0.0, 1.0))])
def test_both_outcomes_are_there_from_the_first_item_on(*, in_time: bool, expected: tuple[float, float]) -> None:
    meters = Meters()
    meters.punctual(Modality.TEXT, in_time=in_time)

    found = [counter(meters, "interactive_items", modality="text", outcome=each) for each in ("in_time", "late")]
    assert tuple(found) == expected


def test_an_interactive_item_is_counted_and_bulk_is_not() -> None:
    async def run() -> tuple[float, float]:
        async with house() as at:
            await at.engine.embed([source_of("rain")], Terms())
            await at.engine.embed([source_of("thunder")], Terms(urgency=Urgency.BULK))
            done = counter(at.meters, "items", modality="text")
            return done, counter(at.meters, "interactive_items", modality="text", outcome="in_time")

    assert asyncio.run(run()) == (2.0, 1.0)


def test_the_process_is_measured_too() -> None:
    assert b"process_resident_memory_bytes" in Meters().exposition()
