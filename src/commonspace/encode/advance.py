"""Makes items ready side by side, and the next batch while the networks work on this one."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["in_advance"]

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_advance(make: Callable[[Item], Made], items: Sequence[Item], batch: int) -> Iterator[list[Made]]:
    """What ``make`` makes of the items, in order and in batches of so many; at most one batch ahead is in memory.

    Media are decoded by libraries that let go of the interpreter meanwhile, so threads help; texts do not need them.

    Raises:
        Exception: whatever ``make`` raises, when the first such item's turn has come.
    """
    if len(items) < 2 or all(isinstance(item, str) for item in items):
        for start in range(0, len(items), batch):
            yield [make(item) for item in items[start : start + batch]]
        return
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="prepare") as threads:
        rest = iter(items)
        waiting = deque(threads.submit(make, item) for item in islice(rest, batch))
        try:
            while waiting:
                made = [waiting.popleft().result() for _ in range(min(batch, len(waiting)))]
                waiting.extend(threads.submit(make, item) for item in islice(rest, batch))
                yield made
        finally:
            for each in waiting:
                each.cancel()
