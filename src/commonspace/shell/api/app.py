"""The service as an ASGI application: routes over the backend, behind the guard."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.types import ASGIApp

from commonspace.serve.access import keys_required
from commonspace.serve.backend import Backend
from commonspace.shell.api import cohere, embeddings, jobs, operations, stores
from commonspace.shell.api.document import complete_document
from commonspace.shell.api.errors import install_errors
from commonspace.shell.api.guard import Guard
from commonspace.shell.api.metered import Metered
from commonspace.shell.api.plain import Plain
from commonspace.shell.api.scopes import AccessTable

__all__ = ["build", "routes"]

DESCRIPTION = "Text, pictures, sound and video in one vector space, embedded and searched on your own machine."


def routes(*, keys_required: bool = False) -> FastAPI:
    """The routes alone, without guard or backend: what the OpenAPI document is made of."""
    app = FastAPI(
        title="commonspace", version=_version(), description=DESCRIPTION, docs_url=None, redoc_url=None
    )  # their pages load scripts from elsewhere
    for module in (embeddings, cohere, stores, jobs, operations):
        app.include_router(module.router)
    install_errors(app)
    complete_document(app, keys_required=keys_required)
    return app


def build(backend: Backend, wrap: Callable[[FastAPI], None] | None = None) -> ASGIApp:
    """The whole service over a backend. ``wrap`` may instrument the application.

    Raises:
        UsageError: keys are required, and there are none.
    """
    app = routes(keys_required=keys_required(backend.settings.server))
    app.state.backend = backend
    app.add_middleware(Plain)
    if wrap is not None:
        wrap(app)
    guard = Guard(
        app,
        table=AccessTable.of(app),
        server=backend.settings.server,
        keys=backend.keys,
        buckets=backend.buckets,
    )
    guard.turned_away = backend.engine.admission.pressure.turned_away
    return Metered(guard, backend.meters)


def _version() -> str:
    try:
        return version("commonspace")
    except PackageNotFoundError:
        return "0"
