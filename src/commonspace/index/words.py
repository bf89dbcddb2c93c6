"""A person's words as queries to the full text: none of them is ever read as syntax."""

__all__ = ["MAX_WORDS", "all_quoted", "distinct_words", "quoted"]

MAX_WORDS = 64


def quoted(words: str) -> str | None:
    """A person's words as an FTS5 query: any of them may match, none is read as syntax.

    A word that FTS5 splits ("dog-bark") must match as a phrase. At most ``MAX_WORDS`` different words count.
    Returns None where there is no word.
    """
    return " OR ".join(map(_phrase, distinct_words(words))) or None


def all_quoted(words: str) -> str:
    """A person's words as an FTS5 query that all of them must match; what is no letter and no digit is no word."""
    return " AND ".join(_phrase(word) for word in distinct_words(words) if any(map(str.isalnum, word))) or '""'


def distinct_words(words: str) -> list[str]:
    """The first ``MAX_WORDS`` different words, in order, as text that UTF-8 can write."""
    clean = words.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return list(dict.fromkeys(clean.split()))[:MAX_WORDS]


def _phrase(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
