"""Operations of an OpenAPI document: what each is called, asks for, and shows as an example."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

__all__ = ["Operation", "exemplified", "operations", "resolved"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path; ``told`` is its part of the document, ``body`` the first example of a JSON body."""

    method: str
    path: str
    told: Mapping[str, Any]
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def name(self) -> str:
        """What programs call it."""
        return str(self.told.get("operationId", ""))

    @property
    def access(self) -> str:
        """The scope that it needs; ``any`` key, or ``none``."""
        return str(self.told["x-required-scope"])

    @property
    def destroys(self) -> int:
        """Later the more it takes away: a store goes after its items, and both after everything else."""
        return -len(self.path) if self.method == "DELETE" else -1000

    def path_with(self, names: Mapping[str, str]) -> str:
        """The path with names in the places that are left open."""
        return self.path.format_map(dict(names))


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation, in the document's order."""
    return [
        Operation(method=method.upper(), path=path, told=told, body=_body(document, told))
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, or the one that it refers to."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def exemplified(document: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Whether a schema shows an example: of itself, or of all its parts."""
    told = resolved(document, schema)
    if "example" in told or told.get("examples") or "const" in told or "enum" in told:
        return True
    if told.get("type") == "array":
        return exemplified(document, told["items"])
    if "anyOf" in told:
        return any(exemplified(document, each) for each in told["anyOf"])
    parts = told.get("properties", {})
    return bool(parts) and all(exemplified(document, parts[name]) for name in told.get("required", parts))


def _body(document: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    """The first example of a JSON body, or none."""
    media = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    for each in media.get("examples", {}).values():
        return each["value"]
    schema = resolved(document, media.get("schema", {}))
    if schema.get("examples"):
        return schema["examples"][0]
    parts = schema.get("properties", {})
    return {name: parts[name]["examples"][0] for name in schema.get("required", [])} if parts else None
