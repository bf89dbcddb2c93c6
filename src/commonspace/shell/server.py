"""The running service: uvicorn around the application, started when it is warm, drained when it is told to stop."""

import asyncio
import gc
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final, final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from commonspace.core.errors import UsageError
from commonspace.serve.backend import Backend
from commonspace.serve.groups import Server

__all__ = ["Draining", "bound_socket", "run"]

BACKLOG: Final = 2048
GRACE_SECONDS: Final = 0.5
"""After the signal requests are still taken for so long, each answer closing its connection; then none are."""


@final
class Draining:
    """Has every connection closed with its next answer, once the service is stopping."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; while stopping, say in each answer that it is the connection's last."""
        if not self.stopping or scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, last)


@final
class _Service(uvicorn.Server):
    """A server that drains at the first signal and stops at the second."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain
        self._told = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT; uvicorn's own would send itself the signal again before anything of ours is closed."""
        del sig, frame
        if self._told:
            self.should_exit = self.force_exit = True
            return
        self._told = True
        self._drain()
        asyncio.get_running_loop().call_later(GRACE_SECONDS, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def bound_socket(server: Server) -> socket.socket:
    """The socket to listen on.

    Raises:
        UsageError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((server.host, server.port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"The service cannot listen on {server.host}, port {server.port}: {error.strerror}.",
            fix="Choose another with --port, or stop what listens there.",
        ) from error
    return listener


def run(backend: Backend, app: ASGIApp, listener: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until a signal; then finish every accepted request, and return.

    ``ready`` is called once requests can be answered.
    """
    server = backend.settings.server
    draining = Draining(app)
    config = uvicorn.Config(
        draining,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, round(server.drain_seconds)),
        ssl_certfile=server.tls_certificate,
        ssl_keyfile=server.tls_key,
    )

    def drain() -> None:
        draining.stopping = True
        backend.engine.drain()

    service = _Service(config, drain)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(service, backend, listener, ready))


async def _serve(service: uvicorn.Server, backend: Backend, listener: socket.socket, ready: Callable[[], None]) -> None:
    backend.engine.start()
    backend.start()
    while not backend.engine.health().ready:  # noqa: ASYNC110  # other threads bring it about
        await asyncio.sleep(0.01)
    _settle_down()
    told = asyncio.ensure_future(_tell(service, ready))
    try:
        await service.serve(sockets=[listener])
    finally:
        told.cancel()
        await asyncio.to_thread(backend.jobs.close, backend.settings.server.drain_seconds)
        await backend.engine.close()
        backend.close()


def _settle_down() -> None:
    """Leave what was made for the start out of the collector's rounds: each would stop every answer for 0.2 s."""
    gc.collect()
    gc.freeze()


async def _tell(service: uvicorn.Server, ready: Callable[[], None]) -> None:
    while not service.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.005)
    ready()
