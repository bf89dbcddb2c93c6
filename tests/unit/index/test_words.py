"""Full text: a person's words find passages and names, and are never read as syntax."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonspace.index.records import StoredSegment
from commonspace.index.store import Store
from commonspace.index.words import MAX_WORDS, quoted
from tests.unit.index.making import entry, found


def test_passages_and_names_are_found_and_the_better_match_first(store: Store) -> None:
    store.put(
        [
            entry("file:///one.txt", 1, text="a dog barking in the rain"),
            entry("file:///two.txt", 1, text="rain on the roof and a very long story about something else entirely"),
            entry("file:///rain_dog.wav", 1, text="other words"),
            entry("file:///none.txt", 1, text="nothing of the sort"),
        ]
    )

    hits = store.match("dog rain", k=10)

    assert {hit.item.name for hit in hits} == {"one.txt", "two.txt", "rain_dog.wav"}
    assert hits[-1].item.name == "two.txt"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(hit.score > 0 for hit in hits)


def test_a_name_is_found_once_with_the_first_segment(store: Store) -> None:
    store.put([entry("file:///kookaburra.mp4", 40, text="laughing")])

    assert found(store.match("kookaburra", k=99)) == [("file:///kookaburra.mp4", 0)]
    assert len(store.match("laughing", k=99)) == 40


def test_a_segment_without_text_is_found_by_its_name_alone(store: Store) -> None:
    given = entry("file:///heron.jpg", 2)
    bare = tuple(StoredSegment(modality=each.modality) for each in given.segments)
    store.put([type(given)(item=given.item, segments=bare, vectors=given.vectors)])

    assert len(store.match("heron", k=9)) == 1
    assert store.verify() == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("BARKING", "it barks"),
        ("cafe", "Café"),
        ("naïve", "naive"),
        ("привет", "Привет, мир"),
        ("dog-bark", "dog bark"),
        ("c++", "the c language"),
    ],
)
def test_case_accents_and_english_endings_do_not_matter(store: Store, words: str, text: str) -> None:
    store.put([entry("file:///x", 1, text=text)])

    assert len(store.match(words, k=5)) == 1


@pytest.mark.parametrize("words", ["", "   ", "!!!", '"', "* ^ :", "\0", "\udcff"])
def test_words_without_a_word_find_nothing(store: Store, words: str) -> None:
    store.put([entry("file:///x", 1, text="something")])

    assert store.match(words, k=5) == []


@pytest.mark.parametrize(
    "words", ['some" OR "thing', "name:x", "NEAR(a b)", "NOT a", "a AND", "a*", "-a", "{a}", "some("]
)
def test_syntax_is_only_text(store: Store, words: str) -> None:
    store.put([entry("file:///thing", 1, text="some other words")])

    store.match(words, k=5)

    assert store.match("some AND nonsense", k=5), "AND is a word here; any word may match"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=60), text=st.text(max_size=60))
def test_no_words_and_no_text_break_it(store: Store, words: str, text: str) -> None:
    store.put([entry("file:///x", 1, text=text)])

    store.match(words, k=3)
    store.match(text, k=3)

    assert store.remove([entry("file:///x").item.id]) == 1
    assert store.num_segments == 0


def test_a_flood_of_words_is_cut_and_not_an_error(store: Store) -> None:
    store.put([entry("file:///x", 1, text="word3")])
    flood = " ".join(f"word{number}" for number in range(10_000))

    assert len(store.match(flood, k=5)) == 1
    assert (quoted(flood) or "").count(" OR ") == MAX_WORDS - 1


def test_equal_scores_come_by_item_id_whatever_the_order_of_insertion(store: Store) -> None:
    entries = [entry(f"file:///{number}", 1, text="same words", name="n") for number in range(20)]
    store.put(entries)

    hits = store.match("same", k=7)

    assert len({hit.score for hit in hits}) == 1
    assert [hit.item.id for hit in hits] == sorted(each.item.id for each in entries)[:7]


def test_a_removed_text_is_not_found(store: Store) -> None:
    store.put([entry("file:///x", 3, text="vanishing")])
    store.remove([entry("file:///x").item.id])

    assert store.match("vanishing", k=5) == []
