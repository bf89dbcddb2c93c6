"""What was found lately, with its items, as of one state of the store: what is found often is read once."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from commonspace.index.reading import hits_of
from commonspace.index.records import SegmentHit

__all__ = ["RecentHits"]

MOST_SEGMENTS: Final = 16_384


@final
class RecentHits:
    """Segments by id, up to ``MOST_SEGMENTS``; any change of the store empties it. Safe between threads.

    Hits share their items: whoever changes an item's metadata changes a copy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: tuple[int, dict[int, SegmentHit]] = (-1, {})

    def of(
        self, connection: sqlite3.Connection, ranked: Sequence[tuple[int, float]], sequence: int
    ) -> list[SegmentHit]:
        """The segments of ``ranked`` (id, score), in that order; ``connection`` sees the state ``sequence``.

        Raises:
            CorruptStore: the database lacks a segment, or cannot be read.
        """
        shown, known = self._state
        missing = [(segment, 0.0) for segment, _ in ranked if shown != sequence or segment not in known]
        if missing:
            if shown != sequence or len(known) + len(missing) > MOST_SEGMENTS:
                known = {hit.segment_id: hit for hit in hits_of(connection, ranked, self._path)}
                self._state = (sequence, known)
            else:
                known.update({hit.segment_id: hit for hit in hits_of(connection, missing, self._path)})
        return [_scored(known[segment], score) for segment, score in ranked]


def _scored(hit: SegmentHit, score: float) -> SegmentHit:
    return SegmentHit(
        item=hit.item, segment_id=hit.segment_id, modality=hit.modality, span=hit.span, text=hit.text, score=score
    )
