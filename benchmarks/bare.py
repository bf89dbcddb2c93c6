"""The model without a service: the same texts one by one, in a process of its own that does nothing else."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from multiprocessing.connection import Connection
from time import perf_counter

from commonspace.core.modality import Modality
from commonspace.serve.load.traffic import Mix, Traffic

__all__ = ["Bare", "bare_model"]


class Bare:
    """The model in its process; texts that it has not seen, call after call."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def times_ms(self, seconds: float, warm_up_seconds: float) -> list[float]:
        """How long each call took, in milliseconds; those of the warm-up are not told."""
        self._line.send((seconds, warm_up_seconds))
        found: list[float] = self._line.recv()
        return found


@contextmanager
def bare_model(seed: int) -> Iterator[Bare]:
    """Load the model in another process, and end that with the block."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_embed, args=(theirs, seed), daemon=True)
    process.start()
    theirs.close()
    try:
        mine.recv()
        yield Bare(mine)
    finally:
        mine.close()
        process.join()


def _embed(line: Connection, seed: int) -> None:
    """Embed when asked, for as long as asked; end when nobody is there to ask."""
    import commonspace

    embedder = commonspace.load()
    traffic = Traffic(Mix(shares={Modality.TEXT: 1.0}), seed=seed)
    line.send("ready")
    while True:
        try:
            seconds, warm_up_seconds = line.recv()
        except EOFError:
            return
        times = []
        begun = perf_counter()
        for _ in repeat(None):
            texts = list(traffic.shot().items)
            called = perf_counter()
            embedder.embed(texts)
            ended = perf_counter()
            if called - begun >= warm_up_seconds:
                times.append((ended - called) * 1000)
            if ended - begun >= warm_up_seconds + seconds:
                break
        line.send(times)
