"""What each route asks of a key, declared where the route is made; a route that declares nothing stops the start."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self, final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

from commonspace.core.errors import UsageError
from commonspace.serve.access import Scope

__all__ = ["ACCESS_FIELD", "Access", "AccessTable", "Entry", "Open", "needs"]

ACCESS_FIELD: Final = "x-required-scope"


@final
class Open(StrEnum):
    """What a route may ask for instead of a scope: nothing at all, or a key of whatever scope."""

    TO_ALL = "none"
    TO_KEYS = "any"


Access = Scope | Open

FRAMEWORK: Final[Mapping[str, Access]] = dict.fromkeys(
    ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"), Open.TO_KEYS
)
"""Routes that FastAPI makes by itself."""


def needs(access: Access) -> dict[str, Any]:
    """What a route asks for: ``@router.post(..., openapi_extra=needs(Scope.EMBED))``. It stands in the document too."""
    return {ACCESS_FIELD: access.value}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One route: its template as it may be logged, its methods, and what it asks for."""

    template: str
    pattern: re.Pattern[str]
    methods: frozenset[str]
    access: Access


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTable:
    """Every route of an app, in the order in which the app looks at them."""

    entries: Sequence[Entry]

    @classmethod
    def of(cls, app: FastAPI) -> Self:
        """Read the table off an app whose routes are all there.

        Raises:
            UsageError: a route does not say what it asks for.
        """
        return cls(entries=tuple(_entry(route) for route in iter_route_contexts(app.routes)))

    def find(self, method: str, path: str) -> Entry | None:
        """The route that the app will choose; where only the method is wrong, the first with that path."""
        nearest = None
        for entry in self.entries:
            if entry.pattern.match(path):
                if method in entry.methods:
                    return entry
                nearest = nearest or entry
        return nearest

    def allowed(self, path: str) -> list[str]:
        """The methods that a path takes."""
        return sorted({each for entry in self.entries if entry.pattern.match(path) for each in entry.methods})


def _entry(route: Any) -> Entry:
    path = route.path or ""
    declared = (getattr(route, "openapi_extra", None) or {}).get(ACCESS_FIELD) or FRAMEWORK.get(path)
    if declared is None or not route.methods:
        raise UsageError(
            f"The route {path} does not say what it asks of a key.",
            fix="Give it openapi_extra=needs(Scope.EMBED), another scope, or one of Open.",
        )
    access: Access = Open(declared) if declared in set(Open) else Scope(declared)
    pattern, template, _ = compile_path(path)
    return Entry(template=template, pattern=pattern, methods=frozenset(route.methods), access=access)
