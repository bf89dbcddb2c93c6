"""Traces for OpenTelemetry where the operator asks for them: where a request's time went, never what was in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from commonspace.core.errors import ItemError, MissingExtra, UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["Tracing", "instrument", "provider_for"]

EMBEDDING_ROUTES: Final = frozenset({"/v1/embeddings", "/v2/embed"})
UNTRACED: Final = frozenset({"/livez", "/metrics", "/readyz"})
CLIENT_GONE: Final = 499
PATH: Final = "/v1/traces"

Attributes = Mapping[str, str | int | float]


def instrument(app: FastAPI, endpoint: str | None) -> None:
    """Have an app send a span a request to a collector that takes OTLP over HTTP; without an endpoint, nothing.

    Raises:
        UsageError: the endpoint is not an address.
        MissingExtra: OpenTelemetry is not installed.
    """
    if endpoint is None:
        return
    place = urlsplit(endpoint)
    if place.scheme not in {"http", "https"} or not place.hostname:
        raise UsageError(
            f"server.tracing_endpoint is '{endpoint}', which is no address.", fix="Use http://127.0.0.1:4318."
        )
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise _missing() from None
    url = endpoint if place.path.strip("/") else endpoint.rstrip("/") + PATH
    app.add_middleware(Tracing, provider=provider_for(OTLPSpanExporter(endpoint=url)))


def provider_for(exporter: "SpanExporter") -> "TracerProvider":
    """What makes spans and hands them to an exporter, in batches, in a thread of its own; flushed at the end.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise _missing() from None
    provider = TracerProvider(resource=Resource.create({"service.name": "commonspace"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


@final
class Tracing:
    """One span for each request that has passed the guard; the caller's trace goes on where it sent one.

    Of a request it tells the route's template, the status, the model, how many items of which modality there were,
    and times; of an error its code. No text, no path, no key, no tenant.
    """

    def __init__(self, app: ASGIApp, *, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._app = app
        self._tracer = provider.get_tracer("commonspace")
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, in a span."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode

        status = CLIENT_GONE

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = self._propagator.extract(_carrier(scope))
        span = self._tracer.start_span(scope["method"], context=parent, kind=SpanKind.SERVER)
        try:
            await self._app(scope, receive, heard)
        except Exception:
            status = 500 if status == CLIENT_GONE else status  # the answer is made further out
            raise
        finally:
            name, attributes = _told(scope, status)
            span.update_name(name)
            span.set_attributes(attributes)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            span.end()


def _carrier(scope: Scope) -> dict[str, str]:
    wanted = (b"traceparent", b"tracestate")
    return {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in wanted}


def _told(scope: Scope, status: int) -> tuple[str, Attributes]:
    """A span's name and attributes, in the words of OpenTelemetry's conventions for HTTP and for models."""
    state: Mapping[str, Any] = scope.get("state", {})
    route = getattr(state.get("visit"), "route", None) or getattr(scope.get("route"), "path", None) or "none"
    attributes: dict[str, str | int | float] = {
        "http.request.method": scope["method"],
        "http.route": route,
        "http.response.status_code": status,
        "commonspace.request_id": str(state.get("request_id", "")),
    }
    if status >= 400:
        attributes["error.type"] = str(state.get("cause") or status)  # a code, never a message
    name = f"{scope['method']} {route}"
    backend = getattr(scope["app"].state, "backend", None)
    if route in EMBEDDING_ROUTES and backend is not None:
        name = f"embeddings {backend.model.name}"
        attributes["gen_ai.operation.name"] = "embeddings"
        attributes["gen_ai.provider.name"] = "commonspace"
        attributes["gen_ai.request.model"] = backend.model.name
    return name, {**attributes, **_about_items(state.get("embedded", ()))}


def _about_items(results: Sequence[Any]) -> Attributes:
    """How many items of each modality, and the times of the slowest, in milliseconds."""
    done = [each for each in results if not isinstance(each, ItemError)]
    if not results:
        return {}
    counts = Counter(each.modality for each in done)
    times = [each.timing for each in done]
    stages = ("decode", "queue", "inference")
    longest = {stage: max((getattr(each, f"{stage}_seconds") for each in times), default=0.0) for stage in stages}
    return {
        **{f"commonspace.items.{modality}": count for modality, count in sorted(counts.items())},
        "commonspace.items.failed": len(results) - len(done),
        "commonspace.items.cached": sum(each.cached for each in done),
        "gen_ai.usage.input_tokens": sum(each.usage.tokens for each in done),
        **{f"commonspace.{stage}_ms": round(1000 * seconds, 3) for stage, seconds in longest.items()},
    }


def _missing() -> MissingExtra:
    return MissingExtra("Tracing needs OpenTelemetry.", fix="pip install 'commonspace[tracing]'")
