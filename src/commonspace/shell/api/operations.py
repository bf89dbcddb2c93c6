"""What an operator and a client ask about the service itself: models, capacity, health, metrics."""

import time
from typing import Annotated, Any, Final, Literal, final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from commonspace.core.errors import NotFound, Unavailable
from commonspace.serve.access import Scope
from commonspace.serve.backend import Backend
from commonspace.serve.terms import Urgency
from commonspace.shell.api.running import backend_of
from commonspace.shell.api.scopes import Open, needs

__all__ = ["router"]

router = APIRouter()
STARTED: Final = int(time.time())
MODEL: Final[dict[str, Any]] = {
    "id": "nano",
    "object": "model",
    "created": 1790000000,
    "owned_by": "commonspace",
    "dimension": 384,
    "dimensions": [64, 128, 256, 384],
    "modalities": ["text", "image", "audio", "video"],
    "fingerprint": "9f2c",
    "version": "2",
    "licence": "Apache-2.0",
    "calibrated": True,
    "description": "English text, pictures and everyday sounds in one space.",
}
METRICS: Final = {"schema": {"type": "string"}, "example": "commonspace_ready 1.0\n"}
CAPACITY: Final[dict[str, Any]] = {
    "slots": 2,
    "decode_workers": 2,
    "towers": {
        "text": {
            "base_seconds": 0.002,
            "unit_seconds": 0.00004,
            "correction": 1.1,
            "queued_pieces": 0,
            "objective_seconds": 0.5,
            "typical_units": 32,
            "items_per_second": 600.0,
        }
    },
    "on_the_way": {"interactive": 1, "bulk": 0},
    "concurrency_limit": 32.0,
    "running_batches": 1,
    "waiting_to_decode": 0,
    "cache_entries": 17,
    "cache_bytes": 52224,
}
TYPICAL_UNITS: Final = {"text": 32, "image": 1, "audio": 10}


@final
class ModelAnswer(BaseModel):
    """A space that is served."""

    model_config = ConfigDict(json_schema_extra={"examples": [MODEL]})

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    dimension: int
    dimensions: list[int]
    modalities: list[str]
    fingerprint: str
    version: str
    licence: str
    calibrated: bool
    description: str


@final
class ModelList(BaseModel):
    """Every space that is served."""

    object: Literal["list"]
    data: list[ModelAnswer]


@final
class TowerCapacity(BaseModel):
    """A tower's cost: seconds of a batch = correction x (base + unit x units); units: tokens, pictures, windows."""

    base_seconds: float
    unit_seconds: float
    correction: float
    queued_pieces: int
    objective_seconds: float
    typical_units: int
    items_per_second: float


@final
class Capacity(BaseModel):
    """What the service can do, as measured, and what it is doing."""

    model_config = ConfigDict(json_schema_extra={"examples": [CAPACITY]})

    slots: int
    decode_workers: int
    towers: dict[str, TowerCapacity]
    on_the_way: dict[str, int]
    concurrency_limit: float
    running_batches: int
    waiting_to_decode: int
    cache_entries: int
    cache_bytes: int


@final
class HealthAnswer(BaseModel):
    """Ready, with no reasons why not."""

    status: Literal["ok"]


@router.get(
    "/v1/models",
    operation_id="list_models",
    summary="List what is served",
    response_model=ModelList,
    openapi_extra=needs(Open.TO_KEYS),
)
async def list_models(request: Request) -> Any:
    """The spaces that requests may name."""
    return {"object": "list", "data": [_model(backend_of(request))]}


@router.get(
    "/v1/models/{name:path}",
    operation_id="get_model",
    summary="Describe a model",
    response_model=ModelAnswer,
    openapi_extra=needs(Open.TO_KEYS),
)
async def get_model(request: Request, name: Annotated[str, Path(examples=["nano"])]) -> Any:
    """One space: its size, modalities, fingerprint and licence."""
    backend = backend_of(request)
    if name not in {backend.model.name, f"commonspace/{backend.model.name}"}:
        raise NotFound("There is no such model here.", fix="`GET /v1/models` lists what is served.")
    return _model(backend)


@router.get(
    "/v1/capacity",
    operation_id="get_capacity",
    summary="Say what can be done, and what is being done",
    response_model=Capacity,
    openapi_extra=needs(Open.TO_KEYS),
)
async def get_capacity(request: Request) -> Any:
    """Cost curves measured at the start and corrected since, limits in force, and the present load."""
    backend = backend_of(request)
    engine = backend.engine
    return {
        "slots": engine.floor.slots,
        "decode_workers": engine.decoders.num_workers,
        "towers": {modality.value: _tower(backend, modality) for modality in engine.floor.lanes},
        "on_the_way": {urgency.value: engine.admission.on_the_way[urgency] for urgency in Urgency},
        "concurrency_limit": round(engine.admission.limit.value, 1),
        "running_batches": engine.floor.num_running,
        "waiting_to_decode": engine.decoders.num_waiting,
        "cache_entries": len(engine.cache),
        "cache_bytes": engine.cache.num_bytes,
    }


@router.get(
    "/livez",
    operation_id="get_liveness",
    summary="Whether the process answers",
    response_model=HealthAnswer,
    openapi_extra=needs(Open.TO_ALL),
)
async def get_liveness() -> Any:
    """Fine as long as there is an answer; restart what gives none."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Whether requests can be answered",
    response_model=HealthAnswer,
    openapi_extra=needs(Open.TO_ALL),
)
async def get_readiness(request: Request) -> Any:
    """503 while starting, draining, or short of a worker; the message says which."""
    health = backend_of(request).engine.health()
    if not health.ready:
        raise Unavailable(f"Not ready: {'; '.join(health.reasons)}.", fix="Wait.", retry_after_seconds=1.0)
    return {"status": "ok"}


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": METRICS}, "description": "Text exposition."}},
    openapi_extra=needs(Scope.ADMIN),
)
async def get_metrics(request: Request) -> Response:
    """Rates, errors and durations of requests; use, queues and errors of every stage."""
    backend = backend_of(request)
    engine, meters = backend.engine, backend.meters
    for modality, lane in engine.floor.lanes.items():
        meters.level(f"queued_{modality}", lane.num_waiting)
    meters.level("waiting_to_decode", engine.decoders.num_waiting)
    meters.level("decoding", engine.decoders.num_busy)
    meters.level("decode_workers_ready", engine.decoders.num_ready)
    meters.level("running_batches", engine.floor.num_running)
    meters.level("slots", engine.floor.slots)
    meters.level("concurrency_limit", engine.admission.limit.value)
    meters.level("cache_bytes", engine.cache.num_bytes)
    meters.level("ready", engine.health().ready)
    return Response(meters.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _model(backend: Backend) -> dict[str, Any]:
    space, model = backend.engine.space, backend.model
    return {
        "id": model.name,
        "object": "model",
        "created": STARTED,
        "owned_by": "commonspace",
        "dimension": space.dimension,
        "dimensions": sorted({*space.dimensions, space.dimension}),
        "modalities": [modality.value for modality in space.modalities],
        "fingerprint": space.fingerprint,
        "version": model.version,
        "licence": model.licence,
        "calibrated": model.calibrated,
        "description": model.description,
    }


def _tower(backend: Backend, modality: Any) -> dict[str, Any]:
    lane = backend.engine.floor.lanes[modality]
    units = TYPICAL_UNITS.get(modality.value, 1)
    per_item = lane.gauge.piece_seconds(units) or lane.gauge.seconds(units)
    return {
        "base_seconds": lane.gauge.curve.base_seconds,
        "unit_seconds": lane.gauge.curve.unit_seconds,
        "correction": round(lane.gauge.correction, 3),
        "queued_pieces": lane.num_waiting,
        "objective_seconds": backend.engine.admission.objectives[modality],
        "typical_units": units,
        "items_per_second": round(backend.engine.floor.slots / per_item, 2),
    }
