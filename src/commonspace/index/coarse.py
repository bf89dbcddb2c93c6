"""What an approximate structure gives: slots worth looking at. Scores are not its business, nor are ids."""

from typing import Protocol

from commonspace.core.vectors import Vectors
from commonspace.index.held import HeldRows
from commonspace.index.index import Ids, Mask

__all__ = ["Coarse"]


class Coarse(Protocol):
    """Codes, lists or a graph over the rows 0 to n - 1, asked for the slots that look nearest by inner product."""

    @property
    def fewest_rows(self) -> int:
        """With fewer rows than this it cannot be built, or is slower than looking at all of them."""
        ...

    @property
    def is_trained(self) -> bool:
        """Whether it was fitted to the rows it was built of, and so must be built anew when there are many more."""
        ...

    def build(self, rows: HeldRows) -> None:
        """Forget everything and take all these rows."""
        ...

    def extend(self, rows: HeldRows, start: int) -> None:
        """Take the rows from slot ``start`` on as well."""
        ...

    def nearest(self, queries: Vectors, count: int, allowed: Mask | None, share: float) -> Ids:
        """Slots that look nearest to each query among the allowed, queries x ``count``; -1 where none is known.

        ``allowed`` is by slot, and ``share`` of the slots are: the fewer, the wider it looks.
        """
        ...

    def dump(self) -> bytes:
        """Everything it knows, for ``load``."""
        ...

    def load(self, data: bytes) -> None:
        """Be what ``dump`` said; the bytes are those of ``dump``, which the caller has made sure of."""
        ...
