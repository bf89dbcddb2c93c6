"""Waiting no longer than a deadline allows."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from commonspace.core.errors import DeadlineMissed

__all__ = ["until"]

T = TypeVar("T")


async def until(awaited: Awaitable[T], deadline: float | None) -> T:
    """Wait until a deadline.

    Raises:
        DeadlineMissed: it has passed.
    """
    if deadline is None:
        return await awaited
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await awaited
    except TimeoutError:
        raise DeadlineMissed("It was not done by its deadline.", fix="Allow more time, or send less.") from None
