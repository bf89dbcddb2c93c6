"""Both keyword indexes keep one contract; tantivy's is never trusted, and always replaceable."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from commonspace.index.database import Database
from commonspace.index.filter_text import parse_filter
from commonspace.index.keywords import FullText, Keywords
from commonspace.index.records import Entry, item_id
from commonspace.index.store import Store
from commonspace.index.term_index import TermIndex
from tests.unit.index.making import SPACE, entry

Match = Callable[..., list[str]]
"""Words, how many and a filter in, uris out."""


_URIS = """
SELECT s.id, i.uri FROM segments s JOIN items i ON i.row = s.item WHERE s.id IN (SELECT value FROM json_each(?))
"""


def answer(keywords: Keywords, store: Store, words: str, k: int = 99, where: str | None = None) -> list[str] | None:
    """The uris that an index finds, best first; None where it is not in step."""
    database = Database(store.path, writable=False)
    with database.reading() as connection:
        ranked = keywords.match(connection, words, k, None if where is None else parse_filter(where))
        listed = json.dumps([segment for segment, _ in ranked or ()])
        uris = dict(connection.execute(_URIS, (listed,)).fetchall())
    database.close()
    if ranked is None:
        return None
    scores = [score for _, score in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    return [uris[segment] for segment, _ in ranked]


@pytest.fixture(params=["fts5", "tantivy"])
def match(request: pytest.FixtureRequest, store: Store) -> Match:
    """Matching by one index, brought up to date before."""

    def run(words: str, k: int = 99, where: str | None = None) -> list[str]:
        store.snapshot()
        keywords: Keywords = FullText() if request.param == "fts5" else TermIndex(store.path)
        found = answer(keywords, store, words, k, where)
        assert found is not None
        return found

    return run


def test_names_and_passages_are_found_and_any_word_may_match(store: Store, match: Match) -> None:
    store.put(
        [
            entry("a:", text="a dog barking in the rain", name="n"),
            entry("b:", text="rain on the roof and a very long story about something else entirely", name="n"),
            entry("c:", text="other words", name="rain_dog.wav"),
            entry("d:", text="nothing of the sort", name="n"),
        ]
    )

    assert set(match("dog rain")) == {"a:", "b:", "c:"}
    assert match("dog rain")[-1] == "b:"
    assert match("rain dog", 1) == match("rain dog")[:1]
    assert match("") == match("!!!") == match("absent") == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("BARKING", "it barks"),
        ("cafe", "Café"),
        ("naïve", "naive"),
        ("привет", "Привет, мир"),
        ("dog-bark", "dog bark"),
        ("c++", "the c language"),
        ('some" OR "thing', "some"),
        ("text:thing", "text thing"),
        ("-some", "some"),
    ],
)
def test_case_accents_and_endings_do_not_matter_and_nothing_is_syntax(
    store: Store, match: Match, words: str, text: str
) -> None:
    store.put([entry("x:", text=text), entry("y:", text="dog eats", name="y")])

    assert match(words) == ["x:"]


def test_equal_scores_come_by_item_id_then_position(store: Store, match: Match) -> None:
    entries = [entry(f"{number}:", 1, text="same words", name="n") for number in range(40)]
    store.put([*entries, entry("twice:", 3, text="odd words", name="n")])

    assert [item_id(uri) for uri in match("same", 7)] == sorted(each.item.id for each in entries)[:7]
    assert match("odd", 2) == match("odd", 3)[:2]


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.002])
def test_a_filter_loses_nothing(store: Store, match: Match, share: float) -> None:
    count = 1000
    store.put(
        [entry(f"{n}:", text="rain " * (1 + n % 9), name="n", metadata={"n": n * 7919 % count}) for n in range(count)]
    )
    kept = [uri for uri in match("rain", count) if int(uri[:-1]) * 7919 % count < share * count]

    assert len(kept) == share * count
    assert match("rain", 5, f"n < {share * count}") == kept[:5]
    assert match("rain", count, f"n < {share * count}") == kept


def test_changes_are_followed(store: Store, match: Match) -> None:
    def put(uri: str, text: str) -> None:
        store.put([entry(uri, 2, text=text, name="n")])

    put("a:", "walrus")
    assert match("walrus") == ["a:", "a:"]
    put("b:", "walrus")
    put("a:", "heron")
    assert match("walrus") == ["b:", "b:"]
    assert match("heron walrus", 99, 'uri = "a:"') == ["a:", "a:"]
    store.remove([item_id("a:"), item_id("b:")])
    assert match("walrus heron") == []
    put("c:", "walrus")
    assert match("walrus") == ["c:", "c:"]


def test_odd_texts_do_not_break_it(store: Store, match: Match) -> None:
    store.put([entry("a:", text="lone \udcff nul\0 emoji \U0001f436 " + "w" * 100_000, name="\ud800")])

    assert match("emoji") == ["a:"]
    assert match("lone \udcff") == ["a:"]


@pytest.fixture
def terms(store: Store) -> TermIndex:
    """A tantivy index over two items, in step."""
    store.put([entry("a:", text="walrus"), entry("b:", text="heron")])
    store.snapshot()
    made = TermIndex(store.path)
    assert answer(made, store, "walrus") == ["a:"]
    return made


def test_an_index_that_is_behind_does_not_answer_and_the_store_does(store: Store, terms: TermIndex) -> None:
    store.put([entry("c:", text="walrus")])

    assert answer(terms, store, "walrus") is None
    assert {hit.item.uri for hit in store.match("walrus", k=9)} == {"a:", "c:"}
    store.snapshot()
    assert set(answer(terms, store, "walrus") or ()) == {"a:", "c:"}


def test_closing_brings_an_index_in_step_for_readers(store: Store, terms: TermIndex) -> None:
    store.put([entry("c:", text="walrus")])
    store.close()

    with Store.open(store.path, writable=False) as reader:
        assert set(answer(terms, reader, "walrus") or ()) == {"a:", "c:"}


def _folder(store: Store) -> Path:
    (folder,) = (store.path / "index").glob("keywords-*")
    return folder


@pytest.mark.usefixtures("terms")
def test_every_damaged_or_missing_file_is_noticed_and_made_anew(store: Store) -> None:
    names = [path.name for path in _folder(store).iterdir() if not path.name.startswith(".")]
    assert names
    for number in range(2 * len(names)):
        files = sorted(path for path in _folder(store).iterdir() if not path.name.startswith("."))
        path = files[number // 2 % len(files)]
        if number % 2:
            path.unlink()
        else:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 4
            path.unlink()
            path.write_bytes(data)

        assert answer(TermIndex(store.path), store, "walrus") is None
        assert [hit.item.uri for hit in store.match("walrus", k=9)] == ["a:"]
        store.close()
        store = Store.open(store.path)
        store.snapshot()
        assert answer(TermIndex(store.path), store, "walrus") == ["a:"]
    store.close()


@pytest.mark.usefixtures("terms")
def test_a_lost_folder_is_made_anew(store: Store) -> None:
    shutil.rmtree(_folder(store))

    assert answer(TermIndex(store.path), store, "heron") is None
    store.snapshot()
    assert answer(TermIndex(store.path), store, "heron") == ["b:"]


def test_a_commit_that_the_database_never_heard_of_is_not_trusted(tmp_path: Path) -> None:
    """As after a crash between tantivy's commit and the note of it, or in a restored backup."""
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put([entry("a:", text="walrus")])
        store.snapshot()
        before = _note(store)
        store.put([entry("a:", text="heron")])
        store.snapshot()
        with sqlite3.connect(store.path / "store.sqlite3") as connection:
            connection.execute("UPDATE about SET value = ? WHERE key = 'keywords'", (before,))
        connection.close()

        assert answer(TermIndex(store.path), store, "walrus") is None
        store.put([entry("b:", text="walrus")])
        store.snapshot()
        assert answer(TermIndex(store.path), store, "walrus") == ["b:"]


def _note(store: Store) -> str:
    connection = sqlite3.connect(store.path / "store.sqlite3")
    (text,) = connection.execute("SELECT value FROM about WHERE key = 'keywords'").fetchone()
    connection.close()
    return str(text)


def test_without_tantivy_the_store_answers_as_well(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonspace.index.term_index.importlib.util.find_spec", lambda _: None)
    with_it: list[Entry] = [entry("a:", text="walrus")]
    with Store.create(store.path.parent / "other", SPACE) as other:
        other.put(with_it)
        other.snapshot()

        assert [hit.item.uri for hit in other.match("walrus", k=9)] == ["a:"]
        assert not list((other.path / "index").glob("keywords-*"))
