"""The two clients of a commonspace service: one waits for its answers, one awaits them; everything else is shared."""

from collections.abc import Mapping, Sequence
from random import random
from ssl import SSLContext
from time import monotonic
from types import TracebackType
from typing import Any, Self, final

from commonspace.core.vectors import Vectors
from commonspace.serve.terms import Urgency
from commonspace.shell.client.about import Model, capacity, models
from commonspace.shell.client.embeddings import Embeddings, Wanted, embed, try_embed
from commonspace.shell.client.jobs import AsyncJobs, Jobs
from commonspace.shell.client.packing import Bounds
from commonspace.shell.client.patience import Patience
from commonspace.shell.client.pooled import AsyncPool, Pool, Transport
from commonspace.shell.client.reach import Reach
from commonspace.shell.client.steps import Line
from commonspace.shell.client.stores import AsyncStores, Stores

__all__ = ["AsyncClient", "Client"]

TIMEOUT_SECONDS = 60.0
USUAL_BOUNDS = Bounds()
USUAL_PATIENCE = Patience()


@final
class Client:
    """A service as if it were a space in this process; may be shared between threads, and is closed by ``with``.

    Every call has a deadline (``timeout``, in seconds) for all that it does, tries again included, and tells it to the
    service. ``str`` is text, ``Path`` a file, ``bytes`` encoded media; PIL pictures and ``Audio`` are themselves.

    Args:
        url: the service; else COMMONSPACE_URL, else http://127.0.0.1:7700.
        api_key: the key; else COMMONSPACE_API_KEY, else none. It is never shown.
        model: the space to ask for; None is the service's own.
        bounds: what one request may hold, and how many are under way at a time.
        patience: how often, and with what pauses, a refused or lost request is tried again.
        tls: whom to trust; None is the authorities that the system knows.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        model: str | None = None,
        bounds: Bounds = USUAL_BOUNDS,
        patience: Patience = USUAL_PATIENCE,
        tls: SSLContext | None = None,
    ) -> None:
        self._reach = Reach.of(url, api_key)
        self._line = _line(self._reach, patience)
        self._pool = Pool(_transport(self._reach, bounds, tls))
        self._model, self._bounds = model, bounds
        self.stores = Stores(self._pool, self._line, bounds)
        self.jobs = Jobs(self._pool, self._line)

    def embed(
        self,
        items: Sequence[object],
        *,
        dimensions: int | None = None,
        timeout: float = TIMEOUT_SECONDS,
        priority: Urgency | str | None = None,
    ) -> Vectors:
        """Embed items: n x dimension, float32, unit rows, in order.

        Raises:
            ItemError: the first item, in order, that cannot be embedded; ``try_embed`` goes on instead.
            Refusal: the service declined, and no further try was worth it before the deadline.
        """
        wanted = Wanted(model=self._model, dimensions=dimensions, bounds=self._bounds)
        return self._pool.run(embed(items, wanted, self._line.until(timeout, priority)))

    def try_embed(
        self,
        items: Sequence[object],
        *,
        dimensions: int | None = None,
        timeout: float = TIMEOUT_SECONDS,
        priority: Urgency | str | None = None,
    ) -> Embeddings:
        """Embed what can be embedded; the others answer with their error. In order, with a receipt.

        Raises:
            Refusal: the service declined, and no further try was worth it before the deadline.
        """
        wanted = Wanted(model=self._model, dimensions=dimensions, bounds=self._bounds)
        return self._pool.run(try_embed(items, wanted, self._line.until(timeout, priority)))

    def models(self, *, timeout: float = TIMEOUT_SECONDS) -> tuple[Model, ...]:
        """The spaces that the service embeds with."""
        return self._pool.run(models(self._line.until(timeout)))

    def capacity(self, *, timeout: float = TIMEOUT_SECONDS) -> Mapping[str, Any]:
        """What the service measured of itself: cost curves and present limits, as it tells them."""
        return self._pool.run(capacity(self._line.until(timeout)))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def __repr__(self) -> str:
        return f"<Client {self._reach.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@final
class AsyncClient:
    """``Client`` for asyncio: the same arguments, and every call is awaited."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        model: str | None = None,
        bounds: Bounds = USUAL_BOUNDS,
        patience: Patience = USUAL_PATIENCE,
        tls: SSLContext | None = None,
    ) -> None:
        self._reach = Reach.of(url, api_key)
        self._line = _line(self._reach, patience)
        self._pool = AsyncPool(_transport(self._reach, bounds, tls))
        self._model, self._bounds = model, bounds
        self.stores = AsyncStores(self._pool, self._line, bounds)
        self.jobs = AsyncJobs(self._pool, self._line)

    async def embed(
        self,
        items: Sequence[object],
        *,
        dimensions: int | None = None,
        timeout: float = TIMEOUT_SECONDS,  # noqa: ASYNC109  the service is told of it too
        priority: Urgency | str | None = None,
    ) -> Vectors:
        """Embed items: n x dimension, float32, unit rows, in order.

        Raises:
            ItemError: the first item, in order, that cannot be embedded; ``try_embed`` goes on instead.
            Refusal: the service declined, and no further try was worth it before the deadline.
        """
        wanted = Wanted(model=self._model, dimensions=dimensions, bounds=self._bounds)
        return await self._pool.run(embed(items, wanted, self._line.until(timeout, priority)))

    async def try_embed(
        self,
        items: Sequence[object],
        *,
        dimensions: int | None = None,
        timeout: float = TIMEOUT_SECONDS,  # noqa: ASYNC109  the service is told of it too
        priority: Urgency | str | None = None,
    ) -> Embeddings:
        """Embed what can be embedded; the others answer with their error. In order, with a receipt.

        Raises:
            Refusal: the service declined, and no further try was worth it before the deadline.
        """
        wanted = Wanted(model=self._model, dimensions=dimensions, bounds=self._bounds)
        return await self._pool.run(try_embed(items, wanted, self._line.until(timeout, priority)))

    async def models(self, *, timeout: float = TIMEOUT_SECONDS) -> tuple[Model, ...]:  # noqa: ASYNC109  as above
        """The spaces that the service embeds with."""
        return await self._pool.run(models(self._line.until(timeout)))

    async def capacity(self, *, timeout: float = TIMEOUT_SECONDS) -> Mapping[str, Any]:  # noqa: ASYNC109  as above
        """What the service measured of itself: cost curves and present limits, as it tells them."""
        return await self._pool.run(capacity(self._line.until(timeout)))

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    def __repr__(self) -> str:
        return f"<AsyncClient {self._reach.url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _line(reach: Reach, patience: Patience) -> Line:
    return Line(url=reach.url, patience=patience, now=monotonic, draw=random)


def _transport(reach: Reach, bounds: Bounds, tls: SSLContext | None) -> Transport:
    connections = max(32, 2 * bounds.requests_at_a_time)
    return Transport(url=reach.url, headers=reach.headers(), connections=connections, tls=tls)
