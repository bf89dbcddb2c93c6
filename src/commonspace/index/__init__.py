"""Vectors, texts and metadata on disk, and exact search over them; knows no model and no decoder."""

from commonspace.index.records import Entry, SegmentHit, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store

__all__ = ["Entry", "SegmentHit", "Store", "StoredItem", "StoredSegment", "item_id"]
