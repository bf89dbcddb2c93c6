"""The edge of the store: what is put into it is checked here, once, before anything changes."""

import math
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from commonspace.core.errors import SpaceMismatch, UsageError
from commonspace.core.item import Region, Span
from commonspace.core.modality import Modality
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id

__all__ = ["UNIT_TOLERANCE", "check_count", "check_entries", "check_modalities", "check_vectors"]

UNIT_TOLERANCE = 1e-3
LEAST_SQUARE, MOST_SQUARE = (1 - UNIT_TOLERANCE) ** 2, (1 + UNIT_TOLERANCE) ** 2
INTEGER_LIMIT = 2**63

_SURROGATE = re.compile("[\ud800-\udfff]")

_FIX_ITEM = "Correct the record and put it again; nothing was stored by this call."


def check_entries(entries: Sequence[Entry], dimension: int) -> None:
    """Check every entry of one call.

    Raises:
        UsageError: a record makes no sense, or two entries share a uri.
        SpaceMismatch: vectors of another dimension.
    """
    seen: set[str] = set()
    for entry in entries:
        _check_item(entry.item)
        if entry.item.uri in seen:
            raise _refused(entry.item.uri, "it is in this call twice")
        seen.add(entry.item.uri)
        for segment in entry.segments:
            _check_segment(segment, entry.item.uri)
        check_vectors(entry.vectors, dimension, entry.item.uri)
        if len(entry.vectors) != len(entry.segments):
            raise _refused(entry.item.uri, f"{len(entry.segments)} segments with {len(entry.vectors)} vectors")


def check_vectors(vectors: object, dimension: int, owner: str) -> None:
    """Check that ``vectors`` is n x ``dimension``, float32, finite and of unit rows.

    Raises:
        UsageError: it is not such an array.
        SpaceMismatch: its rows have another dimension.
    """
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype != np.float32:
        found = f"{vectors.dtype} {vectors.shape}" if isinstance(vectors, np.ndarray) else type(vectors).__name__
        raise _refused(owner, f"vectors must be a float32 array of rows, not {found}")
    if vectors.shape[1] != dimension:
        raise SpaceMismatch(
            f"Vectors of dimension {vectors.shape[1]} ('{owner}') do not belong in a space of dimension {dimension}.",
            fix="Embed with the store's own space (`commonspace info` names it), or use another store.",
        )
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    if all(LEAST_SQUARE <= square <= MOST_SQUARE for square in squares.tolist()):  # not so of NaN
        return
    lengths = np.sqrt(squares)
    if not np.isfinite(lengths).all():
        raise _refused(owner, "a vector holds NaN or infinity")
    worst = lengths[int(np.abs(lengths - 1.0).argmax())]
    raise _refused(owner, f"a vector has length {worst:.6g}, not one (commonspace.core.vectors.unit scales rows)")


def check_count(k: object) -> None:
    """Check how many hits are wanted.

    Raises:
        UsageError: not a whole number above zero.
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise UsageError(f"k must be a whole number of at least 1, not {k!r}.", fix="Ask for one hit or more.")


def check_modalities(modalities: Iterable[object] | None) -> None:
    """Check a filter.

    Raises:
        UsageError: something in it is no modality.
    """
    for modality in modalities or ():
        if not isinstance(modality, Modality):
            raise UsageError(
                f"{modality!r} is not a Modality.", fix=f"Use Modality(...) of one of {', '.join(Modality)}."
            )


def _check_item(item: StoredItem) -> None:
    uri = item.uri
    if not _is_plain(uri) or not uri or "\0" in uri:
        raise _refused(repr(uri), "a uri is text without NUL or lone surrogates; Path.as_uri() quotes file names so")
    if item.id != item_id(uri):
        raise _refused(uri, f"its id is {item.id!r}, not item_id(uri)")
    if item.parent == item.id:
        raise _refused(uri, "it names itself as its parent")
    for field, honoured, wanted in _FIELDS:
        value = getattr(item, field)
        if not honoured(value):
            raise _refused(uri, f"{field} must be {wanted}, not {value!r}")
    for key, scalar in item.metadata.items():
        if not _is_text(key) or not _is_scalar(scalar):
            raise _refused(uri, f"metadata[{key!r}] must be text, a boolean or a finite number, not {scalar!r}")


def _check_segment(segment: StoredSegment, uri: str) -> None:
    for field, kinds in (("modality", Modality), ("span", Span | None), ("text", str | None)):
        value = getattr(segment, field)
        if not isinstance(value, kinds):
            raise _refused(uri, f"a segment's {field} is {value!r}")
    span = Span() if segment.span is None else segment.span
    regions: object = span.regions
    if not isinstance(regions, tuple) or not all(map(_is_region, regions)):
        raise _refused(uri, f"a segment's span has regions {regions!r}")
    for place, value in span.to_dict().items():
        if place != "regions" and not _is_scalar(value):
            raise _refused(uri, f"a segment's span has {place} {value!r}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_plain(value: object) -> bool:
    """Whether this is text that UTF-8 can write."""
    return isinstance(value, str) and _SURROGATE.search(value) is None


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int)


def _is_region(value: object) -> bool:
    if not isinstance(value, Region) or not all(isinstance(side, int | float) for side in value.to_dict().values()):
        return False
    return 0 <= value.left <= value.right <= 1 and 0 <= value.top <= value.bottom <= 1


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and abs(value) < INTEGER_LIMIT


def _is_size(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < INTEGER_LIMIT


_FIELDS: tuple[tuple[str, Callable[[object], bool], str], ...] = (
    ("name", _is_text, "text"),
    ("modality", lambda value: isinstance(value, Modality), "a Modality"),
    ("media_type", _is_plain, "plain text"),
    ("content_hash", _is_plain, "plain text"),
    ("num_bytes", _is_size, "a size"),
    ("modified_ns", lambda value: value is None or _is_integer(value), "a 64-bit whole number or None"),
    ("parent", lambda value: value is None or _is_plain(value), "an item's id or None"),
    ("notes", lambda value: isinstance(value, tuple) and all(map(_is_text, value)), "a tuple of texts"),
    ("metadata", lambda value: isinstance(value, dict), "a dictionary"),
)


def _refused(owner: str, reason: str) -> UsageError:
    return UsageError(f"'{owner}' was refused: {reason}.", fix=_FIX_ITEM)
