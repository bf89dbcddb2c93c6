"""Full text over passages and names: a person's words in, BM25-ranked segments out."""

import sqlite3

__all__ = ["MAX_WORDS", "match_segments", "quoted"]

MAX_WORDS = 64

_BEST = """
WITH found AS MATERIALIZED (SELECT rowid AS segment, bm25(words) AS cost FROM words WHERE words MATCH :query),
     best AS (SELECT cost FROM found ORDER BY cost LIMIT :k)
SELECT segment, cost FROM found JOIN segments AS s ON s.id = segment JOIN items AS i ON i.row = s.item
WHERE cost <= (SELECT max(cost) FROM best) ORDER BY cost, i.id, s.position LIMIT :k
"""


def quoted(words: str) -> str | None:
    """A person's words as an FTS5 query: any of them may match, none is read as syntax.

    A word that FTS5 splits ("dog-bark") must match as a phrase. At most ``MAX_WORDS`` different words count.
    Returns None where there is no word.
    """
    clean = words.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    distinct = list(dict.fromkeys(clean.split()))[:MAX_WORDS]
    if not distinct:
        return None
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in distinct)


def match_segments(connection: sqlite3.Connection, words: str, k: int) -> list[tuple[int, float]]:
    """The best ``k`` segments (id, score), best first; equal scores by item id, then by position."""
    query = quoted(words)
    if query is None:
        return []
    rows = connection.execute(_BEST, {"query": query, "k": k})
    return [(segment, -cost) for segment, cost in rows]
