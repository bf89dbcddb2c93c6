"""What the OpenAPI document says of keys and errors, which are the same for every route."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

from commonspace.shell.api.scopes import ACCESS_FIELD, Open

__all__ = ["complete_document"]

NULLABLE: Final = {"anyOf": [{"type": "string"}, {"type": "null"}]}
ERROR: Final = {
    "title": "Error",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code", "fix", "request_id"],
            "properties": {
                "message": {"type": "string", "description": "What happened, and what to do next."},
                "type": {"type": "string", "description": "OpenAI's kind of error, by status."},
                "param": {**NULLABLE, "description": "The dotted place in the request that it is about."},
                "code": {"type": "string", "description": "For programs; docs/errors.md lists them."},
                "fix": {"type": "string", "description": "What to do next, alone."},
                "request_id": {"type": "string", "description": "As in the header `x-request-id`, and in the log."},
            },
        }
    },
    "example": {
        "error": {
            "message": "The key has expired. Send a valid key.",
            "type": "authentication_error",
            "param": None,
            "code": "unauthenticated",
            "fix": "Send a valid key.",
            "request_id": "req-6f1c0a5e9b7d42318c55aa01",
        }
    },
}
STATUSES: Final = {
    "400": "The request makes no sense as it stands.",
    "401": "No key, or one that is unknown, expired or revoked.",
    "403": "The key does not cover this.",
    "404": "There is no such thing for this tenant.",
    "409": "It exists already, or is in a state that does not allow this.",
    "413": "The request or an item is over a limit.",
    "415": "A type of media that is not taken.",
    "422": "An item cannot be used.",
    "429": "Too much for now; `Retry-After` says when to come again.",
    "500": "Something broke inside the service.",
    "503": "The service is starting, draining or unhealthy.",
    "504": "The time that the request allowed went by.",
}
SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key made by `commonspace keys create`."},
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."},
}


def complete_document(app: FastAPI, *, keys_required: bool) -> None:
    """Make an app's document tell of keys and errors. Call it once, when every route is there."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(made(), keys_required=keys_required)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _completed(document: dict[str, Any], *, keys_required: bool) -> dict[str, Any]:
    components = document.setdefault("components", {})
    components["securitySchemes"] = SCHEMES
    schemas = components.setdefault("schemas", {})
    schemas["Error"] = ERROR
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for operation in _operations(document):
        if operation.get(ACCESS_FIELD) != Open.TO_ALL.value:
            operation["security"] = [{name: []} for name in SCHEMES] + ([] if keys_required else [{}])
        responses = operation.setdefault("responses", {})
        if "HTTPValidationError" in str(responses.get("422")):
            del responses["422"]
        for status, meaning in STATUSES.items():
            content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
            responses.setdefault(status, {"description": meaning, "content": content})
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (each for each in path.values() if isinstance(each, dict) and "responses" in each)
