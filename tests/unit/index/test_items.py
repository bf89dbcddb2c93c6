"""Items and their segments: put, replaced, removed, listed, and given back as they were."""

import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from commonspace.core.errors import UsageError
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.index.reading import PAGE_ITEMS, prefix_bounds
from commonspace.index.records import Entry, StoredSegment, item_id
from commonspace.index.store import Store
from tests.unit.index.making import entry, file_entry, item, same_entry, vectors


def test_an_id_depends_on_the_uri_alone_and_never_changes() -> None:
    assert item_id("file:///a") == item_id("file:///a") != item_id("file:///b")
    assert item_id("") == "af1349b9f5f9a1a6"  # BLAKE3 of nothing, as its authors publish it


def test_an_entry_comes_back_as_it_was_put(store: Store) -> None:
    spans = (None, Span(page=3, heading="Two\nlines", start_char=0, end_char=9), Span(start_seconds=1 / 3))
    segments = tuple(StoredSegment(modality=Modality.AUDIO, span=span) for span in spans)
    given = Entry(item=item("file:///a", modality=Modality.VIDEO), segments=segments, vectors=vectors(3))

    store.put([given])

    assert same_entry(store.entry(given.item.id), given)
    assert store.get(given.item.id) == store.find("file:///a") == given.item


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.get("0" * 16) is None
    assert store.find("file:///a") is None
    assert store.find_content("nothing") is None
    assert store.entry("0" * 16) is None
    assert store.children("0" * 16) == []


def test_an_item_may_have_no_segments(store: Store) -> None:
    bare = entry("file:///empty.pdf", 0)

    store.put([bare])

    assert same_entry(store.entry(bare.item.id), bare)
    assert store.verify() == []


def test_putting_a_uri_again_replaces_item_segments_words_and_children(store: Store) -> None:
    old = entry("file:///a.pdf", 3, text="walrus")
    picture = entry("file:///a.pdf#image-1", 1, parent=old.item.id)
    nested = entry("file:///a.pdf#image-1#x", 1, parent=picture.item.id)
    store.put([old, picture, nested])
    new = entry("file:///a.pdf", 1, seed=5, text="heron", content_hash="new")

    store.put([new])

    assert [each.uri for each in store.items()] == ["file:///a.pdf"]
    assert same_entry(store.entry(old.item.id), new)
    assert store.num_segments == 1
    assert store.match("walrus", k=9) == []
    assert len(store.match("heron", k=9)) == 1
    assert store.verify() == []


def test_children_may_stand_before_their_parent_in_one_call(store: Store) -> None:
    parent, child = entry("file:///p"), entry("file:///p#1", parent=item_id("file:///p"))
    store.put([parent, child])

    store.put([child, parent])

    assert store.children(parent.item.id) == [child.item]
    assert store.num_children(parent.item.id) == 1


def test_a_parent_that_is_not_there_is_refused_and_nothing_stored(store: Store) -> None:
    with pytest.raises(UsageError, match="parent"):
        store.put([entry("file:///ok"), entry("file:///p#1", parent=item_id("file:///p"))])

    assert list(store.items()) == []
    assert store.sequence == 0


def test_a_child_whose_parent_is_replaced_without_it_is_refused(store: Store) -> None:
    old = entry("file:///a")
    child = entry("file:///a#1", parent=old.item.id)
    store.put([old, child])

    with pytest.raises(UsageError, match="parent"):
        store.put([entry("file:///b", parent=child.item.id), entry("file:///a", seed=1)])

    assert same_entry(store.entry(child.item.id), child)


def test_removing_takes_children_along_and_counts_items(store: Store) -> None:
    parent = entry("file:///p", 2)
    store.put([parent, entry("file:///p#1", parent=parent.item.id), entry("file:///q")])

    assert store.remove([parent.item.id, "0" * 16]) == 2
    assert store.remove([parent.item.id]) == 0
    assert [each.uri for each in store.items()] == ["file:///q"]
    assert store.verify() == []


def test_every_change_moves_the_sequence_and_nothing_else_does(store: Store) -> None:
    seen = [store.sequence]
    store.put([])
    assert store.sequence == seen[-1]
    for change in (
        lambda: store.put([entry("file:///a"), entry("file:///b")]),
        lambda: store.touch({item_id("file:///a"): 5}),
        lambda: store.remove([item_id("file:///a")]),
    ):
        change()
        seen.append(store.sequence)
    store.snapshot()
    store.search(vectors(1), k=1)

    assert seen == [0, 1, 2, 3]
    assert store.sequence == 3


def test_touching_changes_the_time_and_nothing_else(store: Store) -> None:
    given = entry("file:///a", 2)
    store.put([given])

    store.touch({given.item.id: 99, "0" * 16: 1})

    assert same_entry(store.entry(given.item.id), replace(given, item=replace(given.item, modified_ns=99)))


def test_equal_content_is_found_whatever_its_name_and_rather_not_a_child(store: Store) -> None:
    parent = entry("file:///p")
    child = entry("file:///p#1", parent=parent.item.id, content_hash="same")
    store.put([parent, child])
    assert store.find_content("same") == child.item

    top = entry("file:///zz", content_hash="same")
    store.put([top])

    assert store.find_content("same") == top.item


def test_items_come_by_uri_across_pages_and_filtered(store: Store) -> None:
    count = 2 * PAGE_ITEMS + 3
    store.put([file_entry(number) for number in reversed(range(count))])

    uris = [each.uri for each in store.items()]

    assert uris == sorted(uris)
    assert len(set(uris)) == count
    images = list(store.items(modality=Modality.IMAGE))
    assert len(images) == store.counts()[Modality.IMAGE] == len(range(1, count, 3))
    assert {each.modality for each in images} == {Modality.IMAGE}


def test_items_may_be_removed_while_they_are_listed(store: Store) -> None:
    count = PAGE_ITEMS + 40
    store.put([file_entry(number) for number in range(count)])

    seen = 0
    for each in store.items():
        seen += 1
        if seen % 10 == 0:
            store.remove([each.id])

    assert seen == count
    assert len(list(store.items())) == count - count // 10


def test_under_is_a_plain_prefix_of_the_uri(store: Store) -> None:
    uris = [
        "file:///a",
        "file:///a/",
        "file:///a/b",
        "file:///a/b/c",
        "file:///a/\U0010ffff!",
        "file:///a0",
        "file:///ab",
    ]
    store.put([entry(uri) for uri in uris])

    for prefix in ["", "file:///a", "file:///a/", "file:///a/b", "file:///a/\U0010ffff", "nothing"]:
        expected = [uri for uri in sorted(uris) if uri.startswith(prefix)]
        assert [each.uri for each in store.items(under=prefix)] == expected


@pytest.mark.parametrize("prefix", ["\ud7ff", "a\U0010ffff", "\U0010ffff", "z"])
def test_prefix_bounds_enclose_exactly_what_begins_so(prefix: str) -> None:
    low, high = prefix_bounds(prefix)

    for text in [prefix, prefix + "\0", prefix + "\U0010ffff" * 3]:
        assert low <= text
        assert high is None or text < high
    if high is not None:
        assert not high.startswith(prefix)
        high.encode()


ODD_NAMES = [
    "nul\0inside",
    "lone \udcff surrogate",
    "\ud800",
    "",
    "n" * 1_000_000,
    "emoji 🐶 عربي",
    "new\nline\ttab",
    "'; DROP TABLE items; --",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name)[:30])
def test_odd_names_and_texts_come_back_as_they_were(store: Store, name: str) -> None:
    given = entry("file:///odd", 2, text=name, name=name, notes=(name,), metadata={name: name})

    store.put([given])

    assert same_entry(store.entry(given.item.id), given)
    assert store.verify() == []
    assert store.remove([given.item.id]) == 1
    assert store.verify() == []


def test_a_file_name_that_is_no_text_survives_in_its_uri(store: Store) -> None:
    raw = b"/music/caf\xe9 \xff.txt"
    path = Path(os.fsdecode(raw))

    store.put([entry(path.as_uri(), name=path.name)])

    (kept,) = store.items()
    assert unquote_to_bytes(urlsplit(kept.uri).path) == raw
    assert kept.name == path.name
