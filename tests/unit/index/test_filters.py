"""Filters: SQL, masks and a slow evaluator agree; filtered search is exact; no text given as one breaks anything."""

import sqlite3
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonspace.core.errors import CommonspaceError, UsageError
from commonspace.index.attributes import Attributes, Condition
from commonspace.index.database import Database
from commonspace.index.filter_text import LONGEST_FILTER, filter_of, parse_filter, text_of
from commonspace.index.filters import And, Compare, Filter, Not, Op, Or, Present
from commonspace.index.records import Entry, item_id
from commonspace.index.store import Store
from tests.unit.index.filtering import edge_of, filters, holds, items_fields
from tests.unit.index.making import SPACE, entry, found, ranking, vectors

fresh_each_time = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def uris(store: Store, where: str) -> set[str]:
    """What a filter leaves, by name."""
    return {item.uri for item in store.items(where=parse_filter(where))}


@fresh_each_time
@given(
    changes=st.lists(items_fields(), min_size=1, max_size=6),
    texts=st.lists(st.sampled_from(["rain lake", "walrus", "heron", ""]), min_size=6, max_size=6),
    wheres=st.lists(filters(), min_size=1, max_size=6),
)
def test_sql_masks_and_the_slow_way_agree(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Any]], texts: list[str], wheres: list[Filter]
) -> None:
    entries = [
        entry(f"file:///{number}", number % 3, text=text, **change)
        for number, (change, text) in enumerate(zip(changes, texts, strict=False), start=1)
    ]
    with Store.create(tmp_path_factory.mktemp("s") / "s", SPACE) as store:
        store.put(entries)
        for where in wheres:
            sure = [each for each in entries if not edge_of(where, each)]
            expected = {each.item.uri for each in sure if holds(where, each)}
            doubtful = {each.item.uri for each in entries} - {each.item.uri for each in sure}
            by_sql = {item.uri for item in store.items(where=where)}
            (hits,) = store.search(vectors(1), k=99, where=where)
            by_mask = {hit.item.uri for hit in hits}
            searchable = {each.item.uri for each in entries if each.segments}

            assert by_sql - doubtful == expected, text_of(where)
            assert by_mask - doubtful == expected & searchable, text_of(where)


@fresh_each_time
@given(where=filters())
def test_a_filters_text_reads_back_as_the_same_filter(where: Filter) -> None:
    again = parse_filter(text_of(where))

    assert text_of(parse_filter(text_of(again))) == text_of(again)
    assert repr(_flat(again)) == repr(_flat(where))


def _flat(where: Filter) -> Filter:
    """Without the parentheses that say nothing: an ``And`` of one part is that part; whole floats stay floats."""
    if isinstance(where, Not):
        return Not(part=_flat(where.part))
    if isinstance(where, And | Or):
        parts = tuple(map(_flat, where.parts))
        return parts[0] if len(parts) == 1 else replace(where, parts=parts)
    return where


@fresh_each_time
@given(text=st.one_of(st.text(max_size=80), st.text(alphabet="()andornotin =<>~'\"`.,0123456789-\\", max_size=120)))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        filter_of(text)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("price < < 5", 9),
        ("price <", 8),
        ("price", 6),
        ("brand = Acme", 9),
        ("a = 1 b = 2", 7),
        ("near(lat, lon, 52, 13) < 5", 27),
        ("a = 5km", 5),
        ('a = "open', 5),
        ("((a = 1)", 9),
    ],
)
def test_an_error_says_where_reading_stopped_and_what_may_stand_there(text: str, position: int) -> None:
    with pytest.raises(UsageError, match=f"character {position},") as caught:
        parse_filter(text)

    assert "There may stand:" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("modified > 5", "modified is a time"),
        ("num_bytes = 'x'", "num_bytes is a number"),
        ('text = "rain"', "searched by words"),
        ('colour ~ "rain"', "text or name"),
        ('text ~ "!"', "words"),
        ("a < true", "no order"),
        ("a = 1e999", "beyond"),
        ("near(lat, lon, 91, 0) < 1 km", "degrees"),
        ("near(uri, lon, 9, 0) < 1 km", "no number"),
        ("a = 2024-02-30", "no time"),
        ('a = "\0"', "valid text"),
        ("(" * LONGEST_FILTER + "(", "characters"),
        ("(" * 9000, "character 9001"),
        ("not " * 4000 + "a = 1", "too large"),
        ("a = 1 or " * 400 + "a = 1", "too large"),
        (f"a in ({'1,' * 10_000}1)", "characters|values"),
    ],
    ids=lambda value: str(value)[:24].encode("unicode_escape").decode(),
)
def test_what_cannot_be_meant_is_refused(text: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        parse_filter(text)


def test_a_filter_made_in_python_is_checked_where_it_is_used(store: Store) -> None:
    deep: Filter = Present(field="a")
    for _ in range(5000):
        deep = Not(part=deep)
    wrong = Compare(field="modified", op=Op.BELOW, value="yesterday")

    for where in (deep, wrong, And(parts=())):
        for use in (
            lambda where: store.search(vectors(1), k=1, where=where),
            lambda where: store.match("x", k=1, where=where),
            lambda where: list(store.items(where=where)),
        ):
            with pytest.raises(UsageError):
                use(where)


def test_values_are_never_read_as_sql(store: Store) -> None:
    store.put([entry("file:///a", metadata={"x'); DROP TABLE items; --": "'; DROP TABLE items; --"})])

    assert uris(store, "`x'); DROP TABLE items; --` = \"'; DROP TABLE items; --\"") == {"file:///a"}
    assert uris(store, 'a in ("\') OR 1=1 --")') == set()
    assert store.verify() == []


def test_types_are_not_coerced_and_missing_fields_match_only_not(store: Store) -> None:
    store.put([entry(f"{name}:", metadata={"x": x}) for name, x in {"t": "5", "n": 5, "f": 5.0, "b": True}.items()])
    store.put([entry("none:", metadata={})])

    assert uris(store, "x = 5") == {"n:", "f:"}
    assert uris(store, 'x = "5"') == {"t:"}
    assert uris(store, "x = true") == {"b:"}
    assert uris(store, "x != 4") == {"n:", "f:"}
    assert uris(store, "x not in (4)") == {"n:", "f:"}
    assert uris(store, "not x = 5") == {"t:", "b:", "none:"}
    assert uris(store, "not has x") == {"none:"}


def test_times_are_instants_whatever_their_offset(store: Store) -> None:
    store.put(
        [
            entry("utc:", metadata={"taken": "2024-05-01T10:00:00Z"}),
            entry("berlin:", metadata={"taken": "2024-05-01T12:00:00+02:00"}),
            entry("day:", metadata={"taken": "2024-05-01"}),
            entry("words:", metadata={"taken": "in May"}),
        ]
    )

    assert uris(store, "taken = 2024-05-01T10:00Z") == {"utc:", "berlin:"}
    assert uris(store, "taken < 2024-05-01T10:00Z") == {"day:"}
    assert uris(store, 'taken = "2024-05-01"') == {"day:"}


def test_a_set_of_several_types_excludes_what_equals_any_of_it(store: Store) -> None:
    given = {"day:": "2024-05-01", "red:": "red", "five:": 5, "true:": True}
    store.put([entry(uri, metadata={"x": x}) for uri, x in given.items()])

    for where, left in (('x not in (2024-05-01, "a")', {"red:"}), ("x not in (5, true, 6)", set())):
        (hits,) = store.search(vectors(1), k=9, where=parse_filter(where))
        assert uris(store, where) == {hit.item.uri for hit in hits} == left


def test_a_distance_is_that_on_the_globe(store: Store) -> None:
    store.put(
        [
            entry("berlin:", metadata={"lat": 52.52, "lon": 13.405}),
            entry("potsdam:", metadata={"lat": 52.4, "lon": 13.06}),
            entry("fiji:", metadata={"lat": -17.7, "lon": -179.9}),
        ]
    )

    assert uris(store, "near(lat, lon, 52.52, 13.40) < 5 km") == {"berlin:"}
    assert uris(store, "near(lat, lon, 52.52, 13.40) < 30 km") == {"berlin:", "potsdam:"}
    assert uris(store, "near(lat, lon, -17.7, 179.9) < 22000 m") == {"fiji:"}


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_filtered_search_equals_brute_force_over_what_the_filter_leaves(store: Store, share: float) -> None:
    entries = [
        entry(f"file:///{number:05}", 1, metadata={"place": (number * 7919) % 3000 / 3000}) for number in range(3000)
    ]
    store.put(entries)
    left = [each for each in entries if float(each.item.metadata["place"]) < share]
    queries = vectors(5, seed=1)

    answers = store.search(queries, k=10, where=parse_filter(f"place < {share}"))

    assert len(left) == round(3000 * share)
    for query, hits in zip(queries, answers, strict=True):
        assert found(hits) == ranking(left, query, 10)


def test_one_and_true_are_told_apart_however_soon_one_follows_the_other(store: Store) -> None:
    store.put([entry("one:", metadata={"x": 1}), entry("true:", metadata={"x": True})])

    for text, uri in (("x = 1", "one:"), ("x = true", "true:"), ("x = 1", "one:")):
        (hits,) = store.search(vectors(1), k=9, where=parse_filter(text))
        assert [hit.item.uri for hit in hits] == [uri]


def test_masks_follow_every_change(store: Store) -> None:
    where = parse_filter('colour = "red" and modified < 2020-01-01')

    def hits() -> set[str]:
        return {hit.item.uri for hit in store.search(vectors(1), k=99, where=where)[0]}

    def red(uri: str, colour: str = "red", **changes: Any) -> Entry:
        return entry(uri, 2, metadata={"colour": colour}, **{"modified_ns": 5, **changes})

    assert hits() == set()
    store.put([red("a:"), red("b:", "blue"), red("c:")])
    assert hits() == {"a:", "c:"}
    store.put([red("b:"), red("d:", "azure")])
    assert hits() == {"a:", "b:", "c:"}
    store.remove([item_id("a:")])
    assert hits() == {"b:", "c:"}
    store.touch({item_id("b:"): 1_700_000_000 * 10**9})
    assert hits() == {"c:"}
    store.remove([item_id("c:"), item_id("d:")])
    assert hits() == set()


def test_another_processs_changes_are_seen(store: Store) -> None:
    with Store.open(store.path, writable=False) as reader:
        where = parse_filter("has x")
        assert reader.search(vectors(1), k=9, where=where) == [[]]
        store.put([entry("a:", metadata={"x": 1})])

        assert [hit.item.uri for hit in reader.search(vectors(1), k=9, where=where)[0]] == ["a:"]
        assert [hit.item.uri for hit in reader.match("passage", k=9, where=where)] == ["a:"]


def test_words_are_found_like_keyword_search_finds_them(store: Store) -> None:
    store.put([entry("a:", 2, text="Herons barking", name="lake.txt"), entry("b:", 1, text="x", name="Heron lake")])

    assert uris(store, 'text ~ "heron"') == {"a:", "b:"}
    assert uris(store, 'name ~ "heron"') == {"b:"}
    assert uris(store, 'text ~ "heron bark"') == {"a:"}
    assert uris(store, 'text ~ "lake barks"') == {"a:"}
    assert [hit.item.uri for hit in store.match("heron", k=9, where=parse_filter('name ~ "lake" and uri = "b:"'))] == [
        "b:"
    ]


def test_a_filtered_match_keeps_its_order_and_loses_nothing(store: Store) -> None:
    entries = [entry(f"{n}:", 1, text="rain " * (1 + n % 5), name="n", metadata={"n": n}) for n in range(60)]
    store.put(entries)
    everything = [hit.item.uri for hit in store.match("rain", k=99)]
    kept = [uri for uri in everything if int(uri[:-1]) >= 30]

    assert [hit.item.uri for hit in store.match("rain", k=99, where=parse_filter("n >= 30"))] == kept
    assert [hit.item.uri for hit in store.match("rain", k=7, where=parse_filter("n >= 30"))] == kept[:7]


def test_metadata_that_is_no_json_is_an_error_and_no_answer(store: Store) -> None:
    store.put([entry("a:", metadata={"x": 1})])
    with Database(store.path, writable=False).reading() as connection:
        attributes = Attributes(store.path)
        condition = Condition.of(Present(field="x"))
        assert condition is not None
        assert attributes.mask(connection, condition, np.array([1])).tolist() == [True]
    store.close()
    with sqlite3.connect(store.path / "store.sqlite3") as connection:
        connection.execute("UPDATE items SET metadata = 'nonsense'")

    with Store.open(store.path) as again, pytest.raises(CommonspaceError, match=r"read|damaged"):
        again.search(vectors(1), k=1, where=Present(field="x"))
