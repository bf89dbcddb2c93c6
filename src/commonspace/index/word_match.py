"""Which of some words stand in which of some passages, by the tokenizer of the store's own full text."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from commonspace.index.words import all_quoted

__all__ = ["TOKENIZER", "words_in"]

TOKENIZER: Final = "porter unicode61 remove_diacritics 2"


def words_in(words: Sequence[str], passages: Sequence[str]) -> list[tuple[str, ...]]:
    """The words that stand in each passage, in the order of the words; case, accents and English endings do not matter.

    The passages are indexed in memory, as the store would. Cost O(characters).
    """
    if not words or not passages:
        return [() for _ in passages]
    found: list[list[str]] = [[] for _ in passages]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE passages USING fts5 (text, tokenize = '{TOKENIZER}')")
        rows = ((place, _clean(passage)) for place, passage in enumerate(passages))
        connection.executemany("INSERT INTO passages (rowid, text) VALUES (?, ?)", rows)
        for word in words:
            matches = connection.execute("SELECT rowid FROM passages WHERE passages MATCH ?", (all_quoted(word),))
            for (place,) in matches:
                found[place].append(word)
    return [tuple(each) for each in found]


def _clean(passage: str) -> str:
    return passage.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
