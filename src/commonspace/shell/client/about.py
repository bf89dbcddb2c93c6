"""What a service says of itself: the spaces it embeds with, and what it can carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from commonspace.core.errors import Unavailable
from commonspace.shell.client.message import Call, Reply
from commonspace.shell.client.steps import Flow, Until, ask

__all__ = ["Model", "capacity", "document_of", "models"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One space of the service; ``fields`` is everything that it says of it."""

    id: str
    fields: Mapping[str, Any]


def models(until: Until) -> Flow[tuple[Model, ...]]:
    """The spaces of the service."""
    reply = yield from ask(Call(method="GET", path="/v1/models"), until)
    listed = document_of(reply, until).get("data")
    return tuple(Model(id=str(each["id"]), fields=each) for each in listed or () if "id" in each)


def capacity(until: Until) -> Flow[Mapping[str, Any]]:
    """What the service can carry."""
    reply = yield from ask(Call(method="GET", path="/v1/capacity"), until)
    return document_of(reply, until)


def document_of(reply: Reply, until: Until) -> Mapping[str, Any]:
    """The JSON object that a good answer holds.

    Raises:
        Unavailable: it holds none.
    """
    document = reply.document()
    if not isinstance(document, Mapping):
        raise Unavailable(
            f"{until.line.url} answered with something else than a JSON object.",
            fix="Check that this is the address of a commonspace service.",
        )
    return document
