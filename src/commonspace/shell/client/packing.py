"""Many items become few requests: consecutive ones together, within bounds of items and bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from commonspace.core.errors import UsageError
from commonspace.shell.client.parts import Draft

__all__ = ["Bounds", "packs"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one request may hold, and how many requests are under way at a time; bytes are counted before base64.

    An item of more bytes than a request may have travels alone.
    """

    request_items: int = 64
    request_bytes: int = 8_000_000
    requests_at_a_time: int = 4

    def __post_init__(self) -> None:
        for name in ("request_items", "request_bytes", "requests_at_a_time"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}.", fix="Give one or more.")


def packs(drafts: Sequence[Draft], bounds: Bounds) -> Iterator[range]:
    """Consecutive places of items that fill a request each; together they are all places, in order."""
    start, num_bytes = 0, 0
    for place, each in enumerate(drafts):
        full = place - start >= bounds.request_items or num_bytes + each.num_bytes > bounds.request_bytes
        if full and place > start:
            yield range(start, place)
            start, num_bytes = place, 0
        num_bytes += each.num_bytes
    if start < len(drafts):
        yield range(start, len(drafts))
