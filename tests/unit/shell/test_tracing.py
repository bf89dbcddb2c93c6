"""A traced request leaves one span that says where the time went and nothing of what was sent."""

import asyncio
import builtins
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from commonspace.core.errors import ItemError, MissingExtra, UsageError
from commonspace.serve.answer import Timing, Usage
from commonspace.shell.api.running import Embedded
from commonspace.shell.tracing import Tracing, instrument, provider_for

WORDS = "the words of a person"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def embedded(modality: str, decode: float, queue: float, *, cached: bool = False) -> Embedded:
    return Embedded(
        vector=np.ones(2, np.float32),
        modality=modality,
        notes=(WORDS,),
        truncated=False,
        cached=cached,
        usage=Usage(tokens=3),
        timing=Timing(decode_seconds=decode, queue_seconds=queue, inference_seconds=0.25),
        compute_seconds=1.0,
    )


def served() -> FastAPI:
    """An app that answers as the service does: results and causes are left in the request's state."""
    app = FastAPI()
    app.state.backend = SimpleNamespace(model=SimpleNamespace(name="nano"))

    @app.post("/v1/embeddings")
    async def embed(request: Request) -> dict[str, str]:
        request.state.request_id = "req-1"
        request.state.embedded = [
            embedded("text", 0.0, 0.5, cached=True),
            embedded("text", 0.0, 0.125),
            embedded("image", 0.0625, 0.25),
            ItemError("corrupt", WORDS, fix=WORDS),
        ]
        return {"said": WORDS}

    @app.get("/v1/stores/{name}")
    async def fail(request: Request, name: str) -> dict[str, str]:
        request.state.cause = "internal"
        raise ValueError(WORDS + name)

    @app.get("/livez")
    async def live() -> dict[str, str]:
        return {}

    return app


def ask(app: FastAPI, method: str, path: str, **headers: str) -> int:
    async def one() -> int:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.request(method, path, content=WORDS, headers=headers)).status_code

    return asyncio.run(one())


def spans_of(method: str, path: str, **headers: str) -> tuple[ReadableSpan, ...]:
    exporter, app = InMemorySpanExporter(), served()
    provider = provider_for(exporter)
    app.add_middleware(Tracing, provider=provider)
    ask(app, method, path, **headers)
    provider.force_flush()
    provider.shutdown()
    return tuple(exporter.get_finished_spans())


def test_a_span_tells_the_model_the_modalities_and_the_slowest_times() -> None:
    (span,) = spans_of("POST", "/v1/embeddings")

    assert span.name == "embeddings nano"
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/embeddings",
        "http.response.status_code": 200,
        "commonspace.request_id": "req-1",
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "commonspace",
        "gen_ai.request.model": "nano",
        "gen_ai.usage.input_tokens": 9,
        "commonspace.items.text": 2,
        "commonspace.items.image": 1,
        "commonspace.items.failed": 1,
        "commonspace.items.cached": 1,
        "commonspace.decode_ms": 62.5,
        "commonspace.queue_ms": 500.0,
        "commonspace.inference_ms": 250.0,
    }


def test_a_callers_trace_goes_on() -> None:
    (span,) = spans_of("POST", "/v1/embeddings", traceparent=PARENT)

    assert f"{span.get_span_context().trace_id:032x}" == PARENT.split("-")[1]  # type: ignore[union-attr]
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]  # type: ignore[union-attr]


def test_what_breaks_is_an_error_by_its_route_and_never_by_its_words() -> None:
    (span,) = spans_of("GET", f"/v1/stores/{WORDS.replace(' ', '-')}")

    assert span.name == "GET /v1/stores/{name}"
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "internal"
    assert not span.events
    assert WORDS not in span.to_json()
    assert WORDS.replace(" ", "-") not in span.to_json()


def test_probes_leave_no_span() -> None:
    assert spans_of("GET", "/livez") == ()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A tiny receiver of OTLP over HTTP."""
    heard: list[ExportTraceServiceRequest] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                heard.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()
        thread.join()


def test_spans_arrive_at_a_collector_over_http(collector: tuple[str, list[ExportTraceServiceRequest]]) -> None:
    endpoint, heard = collector
    app = served()
    instrument(app, endpoint)
    provider = app.user_middleware[0].kwargs["provider"]
    ask(app, "POST", "/v1/embeddings")
    provider.shutdown()

    (resource,) = heard[0].resource_spans
    assert {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"] == "commonspace"
    assert resource.scope_spans[0].spans[0].name == "embeddings nano"
    assert WORDS.encode() not in heard[0].SerializeToString()


def test_without_an_endpoint_nothing_is_added() -> None:
    app = served()
    instrument(app, None)

    assert app.user_middleware == []


@pytest.mark.parametrize("endpoint", ["collector:4318", "127.0.0.1:4318", "file:///spans", "http://"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="tracing_endpoint"):
        instrument(served(), endpoint)


def test_without_the_packages_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtra) as caught:
        instrument(served(), "http://127.0.0.1:4318")

    assert caught.value.fix == "pip install 'commonspace[tracing]'"
