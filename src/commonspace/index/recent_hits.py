"""What segments and items say, as of one state of the store: from a file of all, else read once and remembered."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

from commonspace.index.attributes import TOUCHED
from commonspace.index.hit_file import HitFile, read_hit_file
from commonspace.index.reading import hits_of
from commonspace.index.records import SegmentHit
from commonspace.index.schema import about
from commonspace.index.snapshot import mark_of

__all__ = ["RecentHits"]

MOST_SEGMENTS: Final = 16_384


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shown:
    """What is known of one state: a file that tells of most, if there is one to believe, and what was read besides."""

    sequence: int
    known: dict[int, SegmentHit]
    file: HitFile | None


@final
class RecentHits:
    """Segments by id: those of the file, and up to ``MOST_SEGMENTS`` others until the store changes.

    Safe between threads. Hits share their items: whoever changes an item's metadata changes a copy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown = _Shown(sequence=-1, known={}, file=None)
        self._token = ""
        self._file: HitFile | None = None

    def show(self, connection: sqlite3.Connection, sequence: int) -> None:
        """Know the state ``sequence``, which ``connection`` sees; one thread at a time.

        A newer file is opened where the database names one. It is not believed once a time of change was rewritten.
        """
        mark, touched = mark_of(connection), about(connection, TOUCHED)
        if mark is not None and mark.token != self._token:
            self._token, self._file = mark.token, read_hit_file(self._path, mark)
        holds = mark is not None and (touched is None or (isinstance(touched, int) and touched <= mark.sequence))
        self._shown = _Shown(sequence=sequence, known={}, file=self._file if holds else None)

    def of(
        self, connection: sqlite3.Connection, ranked: Sequence[tuple[int, float]], sequence: int
    ) -> list[SegmentHit]:
        """The segments of ``ranked`` (id, score), in that order; ``connection`` sees the state ``sequence``.

        Raises:
            CorruptStore: the database lacks a segment, or cannot be read.
        """
        shown = self._shown
        if shown.sequence != sequence:
            return hits_of(connection, ranked, self._path)
        if shown.file is None:
            return self._kept(connection, ranked, shown)
        hits = shown.file.hits(ranked)
        if None not in hits:
            return hits  # type: ignore[return-value]  # it was looked for
        others = iter(
            self._kept(connection, [pair for pair, hit in zip(ranked, hits, strict=True) if hit is None], shown)
        )
        return [next(others) if hit is None else hit for hit in hits]

    def _kept(
        self, connection: sqlite3.Connection, ranked: Sequence[tuple[int, float]], shown: _Shown
    ) -> list[SegmentHit]:
        """What is known from before, or read from the database and then known."""
        known = shown.known
        missing = [(segment, 0.0) for segment, _ in ranked if segment not in known]
        if missing and len(known) + len(missing) > MOST_SEGMENTS:
            known = {hit.segment_id: hit for hit in hits_of(connection, ranked, self._path)}
            self._shown = replace(shown, known=known)
        elif missing:
            known.update({hit.segment_id: hit for hit in hits_of(connection, missing, self._path)})
        return [_scored(known[segment], score) for segment, score in ranked]


def _scored(hit: SegmentHit, score: float) -> SegmentHit:
    return SegmentHit(
        item=hit.item, segment_id=hit.segment_id, modality=hit.modality, span=hit.span, text=hit.text, score=score
    )
