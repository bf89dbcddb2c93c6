"""``commonspace serve``: the embedding and search service."""

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, final

import typer

from commonspace.shell.cli.answer import print_json, remark
from commonspace.shell.cli.options import AsJson, ModelName, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode

__all__ = ["Serve", "answer_serve"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """Serve embeddings and search over HTTP, on this machine alone unless told otherwise. Ctrl-C drains and stops."""

    host: Annotated[str | None, typer.Option(help="The address to listen on; keys are asked for beyond loopback.")] = (
        None
    )
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port; 0 chooses one.")] = None
    model: ModelName = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_serve(request: Serve) -> ExitCode:
    """Listen, warm up, serve; return when everything that was accepted has been answered."""
    settings = settings_for(
        request.overrides, **{"server.host": request.host, "server.port": request.port, "model": request.model}
    )
    from commonspace.serve.logs import configure_logs
    from commonspace.shell.api.app import build
    from commonspace.shell.server import bound_socket, run
    from commonspace.shell.serving import make_backend
    from commonspace.shell.tracing import instrument

    configure_logs(sys.stderr)
    listener = bound_socket(settings.server)
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.server.tls_certificate else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if not request.as_json:
        remark(f"Loading '{settings.model}' and measuring its towers ...")
    backend = make_backend(settings)
    app = build(backend, wrap=partial(instrument, endpoint=settings.server.tracing_endpoint))

    def ready() -> None:
        if request.as_json:
            print_json({"url": url, "model": backend.model.name, "fingerprint": backend.engine.space.fingerprint})
        else:
            remark(f"Serving '{backend.model.name}' at {url} (its document: {url}/openapi.json). Ctrl-C stops it.")

    run(backend, app, listener, ready=ready)
    return ExitCode.FINE
