"""Work goes on as long as its client is there, and is given up when it leaves."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import Request

from commonspace.core.errors import ClientGone
from commonspace.shell.api.running import attended


class Line:
    """A request whose client leaves when it is told to."""

    def __init__(self) -> None:
        self.leave = asyncio.Event()
        self.ended: list[str] = []

    @property
    def request(self) -> Request:
        async def receive() -> dict[str, Any]:
            await self.leave.wait()
            return {"type": "http.disconnect"}

        return cast("Request", SimpleNamespace(receive=receive))

    async def work(self, until: asyncio.Event) -> str:
        try:
            await until.wait()
        except asyncio.CancelledError:
            self.ended.append("given up")
            raise
        self.ended.append("done")
        return "vectors"


def test_work_is_given_up_when_its_client_leaves() -> None:
    async def run() -> None:
        line = Line()
        asyncio.get_running_loop().call_soon(line.leave.set)
        with pytest.raises(ClientGone):
            await attended(line.request, line.work(asyncio.Event()))
        assert line.ended == ["given up"]
        await asyncio.sleep(0)  # and nobody else is cancelled for it
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    asyncio.run(run())


def test_work_that_is_done_is_answered_even_if_the_client_leaves_then() -> None:
    async def run() -> None:
        line, until = Line(), asyncio.Event()
        until.set()
        assert await attended(line.request, line.work(until)) == "vectors"
        line.leave.set()
        for _ in range(3):
            await asyncio.sleep(0)
        assert line.ended == ["done"]

    asyncio.run(run())


def test_who_is_cancelled_from_outside_is_no_client_that_left() -> None:
    async def run() -> None:
        line = Line()
        task = asyncio.ensure_future(attended(line.request, line.work(asyncio.Event())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert line.ended == ["given up"]

    asyncio.run(run())
