"""Keyword search over passages and names by BM25: what every keyword index does, and the one that is always there."""

import sqlite3
from typing import Final, Protocol, final

from commonspace.index.filter_sql import clause_of
from commonspace.index.filters import Filter
from commonspace.index.words import quoted

__all__ = ["FullText", "Keywords", "Ranked"]

Ranked = list[tuple[int, float]]
"""Segments and their scores, best first."""

_BEST: Final = """
WITH found AS MATERIALIZED (SELECT rowid AS segment, bm25(words) AS cost FROM words WHERE words MATCH ?1),
     best AS (SELECT cost FROM found ORDER BY cost LIMIT ?2)
SELECT segment, cost FROM found JOIN segments AS s ON s.id = segment JOIN items ON items.row = s.item
WHERE cost <= (SELECT max(cost) FROM best) ORDER BY cost, items.id, s.position LIMIT ?2
"""
_BEST_WHERE: Final = """
WITH found AS MATERIALIZED (SELECT rowid AS segment, bm25(words) AS cost FROM words WHERE words MATCH ?)
SELECT segment, cost FROM found JOIN segments AS s ON s.id = segment JOIN items ON items.row = s.item
WHERE {condition} ORDER BY cost, items.id, s.position LIMIT ?
"""


class Keywords(Protocol):
    """An index of words, as of the state that a connection sees."""

    def match(self, connection: sqlite3.Connection, words: str, k: int, where: Filter | None = None) -> Ranked | None:
        """The best ``k`` segments for a person's words, any of which may match; higher scores are better.

        With ``where``, the best of items for which this checked filter holds. Equal scores come by item id, then by
        position in the item. None where the index does not show the state that ``connection`` sees.
        """
        ...


@final
class FullText:
    """SQLite's own full text (FTS5), which changes with the database and so is always in step."""

    def match(self, connection: sqlite3.Connection, words: str, k: int, where: Filter | None = None) -> Ranked:
        """As ``Keywords`` says; never None. Cost O(passages that match)."""
        query = quoted(words)
        if query is None:
            return []
        if where is None:
            rows = connection.execute(_BEST, (query, k))
        else:
            clause = clause_of(where)
            rows = connection.execute(_BEST_WHERE.format(condition=clause.text), (query, *clause.values, k))
        return [(segment, -cost) for segment, cost in rows]
