"""A fake service that listens, and both clients behind one face, so that each expectation is held twice."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from commonspace.shell.client import AsyncClient, Client
from tests.unit.shell.client.fake import FakeService, served

Asking = Callable[..., Any]


@pytest.fixture(scope="session")
def listening() -> Iterator[FakeService]:
    with served(FakeService()) as fake:
        yield fake


@pytest.fixture
def service(listening: FakeService) -> FakeService:
    """The listening fake, as new."""
    fresh = FakeService()
    for name in ("seen", "faults", "answers", "fingerprints", "most_at_once"):
        setattr(listening, name, getattr(fresh, name))
    return listening


@pytest.fixture(params=["blocking", "awaited"])
def ask(request: pytest.FixtureRequest, service: FakeService) -> Asking:
    """Call a method of a client by its dotted name; keywords in ``how`` make the client."""

    def blocking(name: str, *args: object, how: dict[str, Any] | None = None, **keywords: object) -> Any:
        with Client(service.url, **(how or {})) as client:
            return found(client, name)(*args, **keywords)

    def awaited(name: str, *args: object, how: dict[str, Any] | None = None, **keywords: object) -> Any:
        async def call() -> Any:
            async with AsyncClient(service.url, **(how or {})) as client:
                return await found(client, name)(*args, **keywords)

        return asyncio.run(call())

    return blocking if request.param == "blocking" else awaited


def found(client: object, name: str) -> Callable[..., Any]:
    """A method by its dotted name."""
    for part in name.split("."):
        client = getattr(client, part)
    return client  # type: ignore[return-value]
