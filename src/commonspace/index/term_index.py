"""A tantivy index of names and passages beside the database: derived from it, checked whole, never needed.

The database names the folder, the sequence number that it shows and the BLAKE3 of each of its files. That note is
made after tantivy's commit, so a crash in between leaves an index that nobody takes for good, and that is made anew.
"""

import importlib.util
import json
import logging
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, final

from blake3 import blake3

from commonspace.core.errors import CommonspaceError
from commonspace.index.database import Database
from commonspace.index.filter_sql import clause_of
from commonspace.index.filters import Filter
from commonspace.index.keywords import FullText, Ranked
from commonspace.index.rows import read_text
from commonspace.index.schema import about, number, set_about
from commonspace.index.words import distinct_words

if TYPE_CHECKING:
    from tantivy import Index, Query, Schema, Searcher

__all__ = ["BestKeywords", "TermIndex"]

NOTE: Final = "keywords"
FIELDS: Final = ("name", "text")
LONGEST_WORD_BYTES: Final = 1000
WRITER_BYTES: Final = 50_000_000
FIRST_PAGE: Final = 64
WIDENING: Final = 4
FAULTS: Final = (ValueError, OSError, RuntimeError)
"""What tantivy raises of an index that it cannot read or write."""

_PASSAGES = "SELECT id, name, text FROM passages WHERE id > ? ORDER BY id"
_GONE = "SELECT segment FROM removals WHERE sequence > ?"
_PLACES = """
SELECT s.id, items.id, s.position FROM segments AS s JOIN items ON items.row = s.item
WHERE s.id IN (SELECT value FROM json_each(?)) AND {condition}
"""

_log = logging.getLogger(__name__)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What the database remembers of the index last made of it."""

    folder: str
    sequence: int
    last_segment: int
    files: dict[str, str]


@final
class TermIndex:
    """Keywords by tantivy. Threads may match side by side; only the store's writer may bring it up to date."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "index"
        self._lock = Lock()
        self._writing = Lock()
        self._opened: tuple[_Note, Index] | None = None
        self._verified: dict[str, tuple[str, int, int, int]] = {}
        self._usable = importlib.util.find_spec("tantivy") is not None

    def match(self, connection: sqlite3.Connection, words: str, k: int, where: Filter | None = None) -> Ranked | None:
        """As ``Keywords`` says; None where tantivy is not installed, or the index is damaged or behind."""
        note = _note_of(connection) if self._usable else None
        if note is None or note.sequence != number(connection, "sequence"):
            return None
        index = self._open(note)
        if index is None:
            return None
        try:
            query = _query(index.schema, words)
            return [] if query is None else _best(connection, index.searcher(), query, k, where)
        except FAULTS:
            with self._lock:
                self._opened = None
                self._verified.clear()
            return None

    def catch_up(self, database: Database) -> None:
        """Bring the index up to date, or make it. If that fails the store is as sound without, and it is said so."""
        if not self._usable or not database.writable:
            return
        with self._writing:
            try:
                with database.reading() as connection:
                    note = self._written(connection)
                if note is not None:
                    with database.writing() as connection:
                        set_about(connection, NOTE, json.dumps(asdict(note)))
                    self._tidy(note)
            except (*FAULTS, CommonspaceError) as error:
                _log.warning("The keyword index was not brought up to date: %s", error)

    def _written(self, connection: sqlite3.Connection) -> _Note | None:
        """Commit what ``connection`` sees to the index, old or new; None if it shows that already."""
        sequence, horizon = number(connection, "sequence"), number(connection, "horizon")
        known = _note_of(connection)
        if known is not None and (not horizon <= known.sequence <= sequence or not self._is_whole(known)):
            known = None
        if known is not None and known.sequence == sequence:
            return None
        name = known.folder if known else f"keywords-{secrets.token_hex(8)}"
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        last = _write(connection, _index(folder), known)
        files = {path.name: _digest(path) for path in _files(folder)}
        return _Note(folder=name, sequence=sequence, last_segment=last, files=files)

    def _open(self, note: _Note) -> "Index | None":
        with self._lock:
            if self._opened is None or self._opened[0] != note:
                self._opened = None
                try:
                    if not self._is_whole(note):
                        return None
                    index = _index(self._folder / note.folder)
                    if not self._is_whole(note):  # a writer came between
                        return None
                except FAULTS:
                    return None
                self._opened = (note, index)
            return self._opened[1]

    def _is_whole(self, note: _Note) -> bool:
        """Whether every file is there as it was written; one that was read whole is read again if it was touched."""
        try:
            for name, digest in note.files.items():
                path = self._folder / note.folder / name
                seen = (digest, *_signature(path))
                if self._verified.get(name) != seen:
                    if _digest(path) != digest:
                        return False
                    self._verified[name] = seen
        except OSError:
            return False
        return True

    def _tidy(self, note: _Note) -> None:
        """Remove indexes that came before; who still reads one has its files open."""
        for old in self._folder.glob("keywords-*"):
            if old.name != note.folder:
                shutil.rmtree(old, ignore_errors=True)


@final
class BestKeywords:
    """Tantivy where it is in step, else SQLite's full text: one of them always answers."""

    def __init__(self, folder: Path) -> None:
        self._terms = TermIndex(folder)
        self._full_text = FullText()

    def match(self, connection: sqlite3.Connection, words: str, k: int, where: Filter | None = None) -> Ranked:
        """As ``Keywords`` says; never None."""
        ranked = self._terms.match(connection, words, k, where)
        return self._full_text.match(connection, words, k, where) if ranked is None else ranked

    def catch_up(self, database: Database) -> None:
        """Bring the tantivy index up to date, or make it, where tantivy is installed."""
        self._terms.catch_up(database)

    def keep_in_step(self, database: Database) -> None:
        """Bring the tantivy index up to date if there is one."""
        with database.reading() as connection:
            there = _note_of(connection) is not None
        if there:
            self._terms.catch_up(database)


def _note_of(connection: sqlite3.Connection) -> _Note | None:
    """The index that the database knows of; what cannot be read names none."""
    text = about(connection, NOTE)
    try:
        note = None if text is None else _Note(**json.loads(str(text)))
    except (ValueError, TypeError):
        return None
    return note if note is None or Path(note.folder).name == note.folder else None


def _index(folder: Path) -> "Index":
    """The index in a folder, made if there is none. Words are stemmed as FTS5 stems them: English, without accents."""
    import tantivy

    builder = tantivy.SchemaBuilder().add_integer_field("segment", indexed=True, fast=True)
    for field in FIELDS:
        builder = builder.add_text_field(field, tokenizer_name="words")
    index = tantivy.Index(builder.build(), path=str(folder))
    index.register_tokenizer("words", _analyzer())
    return index


@cache
def _analyzer() -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    steps = (Filter.remove_long(LONGEST_WORD_BYTES), Filter.lowercase(), Filter.ascii_fold(), Filter.stemmer("english"))
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in steps:
        builder = builder.filter(step)
    return builder.build()


def _write(connection: sqlite3.Connection, index: "Index", known: _Note | None) -> int:
    """Commit all that came or went since ``known``; returns the last segment held."""
    from tantivy import Document

    writer = index.writer(WRITER_BYTES, 1)
    last = known.last_segment if known else 0
    if known is None:
        writer.delete_all_documents()
    else:
        for (segment,) in connection.execute(_GONE, (known.sequence,)):
            writer.delete_documents_by_term("segment", segment)
    for segment, fields in _passages(connection, last):
        writer.add_document(Document(segment=segment, **fields))
        last = segment
    writer.commit()
    writer.wait_merging_threads()
    return last


def _passages(connection: sqlite3.Connection, after: int) -> Iterator[tuple[int, dict[str, str]]]:
    for segment, *texts in connection.execute(_PASSAGES, (after,)):
        named = zip(FIELDS, texts, strict=True)
        yield segment, {field: _plain(read_text(text)) for field, text in named if text is not None}


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _query(schema: "Schema", words: str) -> "Query | None":
    """A query that any of the words may match, in a name or a passage; a word of several parts as a phrase."""
    from tantivy import Occur, Query

    analyzer = _analyzer()
    wanted = []
    for parts in filter(None, map(analyzer.analyze, distinct_words(words))):
        for field in FIELDS:
            one = len(parts) == 1
            query = Query.term_query(schema, field, parts[0]) if one else Query.phrase_query(schema, field, parts)
            wanted.append((Occur.Should, query))
    return Query.boolean_query(wanted) if wanted else None


def _best(connection: sqlite3.Connection, searcher: "Searcher", query: "Query", k: int, where: Filter | None) -> Ranked:
    """The best ``k`` of those that the database knows and the filter leaves, in pages that grow until they are sure."""
    limit = max(k * WIDENING, FIRST_PAGE)
    while True:
        hits = searcher.search(query, limit, count=False).hits
        segments = searcher.fast_field_values("segment", [address for _, address in hits])
        scores = {int(segment or 0): float(score) for segment, (score, _) in zip(segments, hits, strict=True)}
        ranked = _ranked(connection, scores, where)
        if len(hits) < limit or (len(ranked) >= k and ranked[k - 1][1] > min(scores.values())):
            return ranked[:k]
        limit *= WIDENING


def _ranked(connection: sqlite3.Connection, scores: dict[int, float], where: Filter | None) -> Ranked:
    clause = None if where is None else clause_of(where)
    query = _PLACES.format(condition="1" if clause is None else clause.text)
    rows = connection.execute(query, (json.dumps(list(scores)), *(clause.values if clause else ())))
    ordered = sorted((-scores[segment], item, position, segment) for segment, item, position in rows)
    return [(segment, -cost) for cost, _, _, segment in ordered]


def _files(folder: Path) -> list[Path]:
    """All but locks and tantivy's list of files to collect."""
    return [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]


def _signature(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _digest(path: Path) -> str:
    digest: str = blake3().update_mmap(path).hexdigest()
    return digest
