"""Words and unwanted parts in a calibrated space: what they move, by how much, and that they are told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.schema import DATABASE_NAME
from commonspace.index.store import Store
from commonspace.index.word_match import TOKENIZER, words_in
from commonspace.retrieve.asked import Asked
from commonspace.retrieve.calibration import Calibration, Direction
from commonspace.retrieve.explanation import Ranked
from commonspace.retrieve.fuse import RANK_OFFSET, WORDS_LOG_ODDS
from commonspace.retrieve.judge import Judging
from commonspace.retrieve.keywords import telling_words
from commonspace.retrieve.logistic import Logistic
from commonspace.retrieve.ranking import POOL
from commonspace.retrieve.unwanted import UNWANTED_SHARE
from tests.fakes import FAKE_SPACE
from tests.unit.retrieve.asking import found, part

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
PRIOR = 0.02
READ = {TEXT: Logistic(slope=10.0, intercept=-3.5), IMAGE: Logistic(slope=12.0, intercept=-4.0)}


def row(cosine: float, axis: int) -> Vectors:
    made = np.zeros((1, FAKE_SPACE.dimension), np.float32)
    made[0, 0], made[0, axis] = cosine, np.sqrt(1.0 - cosine**2)
    return made


QUERY = row(1.0, 1)[0]


def entry(name: str, vectors: Vectors, text: str | None = None) -> Entry:
    uri = f"file:///media/{name}"
    modality = IMAGE if text is None else TEXT
    item = StoredItem(
        id=item_id(uri), uri=uri, name=name, modality=modality, media_type="x/y", content_hash=name, num_bytes=1
    )
    return Entry(item=item, segments=(StoredSegment(modality=modality, text=text),), vectors=vectors)


@pytest.fixture(scope="module")
def judging() -> Judging:
    directions = {(query, tower): Direction(logistic=READ[tower], threshold=0.3) for query in READ for tower in READ}
    return Judging(calibration=Calibration(prior=PRIOR, directions=directions))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    others = [entry(f"img_{place}.jpg", row(0.5 - place / 400, 2)) for place in range(40)]
    named = [entry("dogs-barking.jpg", row(0.2, 3)), entry("dog.jpg", row(0.45, 4)), entry("a.jpg", row(0.44, 5))]
    told = entry("note.txt", row(0.3, 6), "The dog was barking in the rain, and the rain went on.")
    with Store.create(tmp_path_factory.mktemp("words") / "media.cs", FAKE_SPACE) as made:
        made.put([*others, *named, told])
        yield made


def asked(words: str, *unwanted: tuple[Vectors, float, str]) -> Asked:
    minus = (part(vectors[0], weight, words=said) for vectors, weight, said in unwanted)
    return Asked(parts=(part(QUERY, words=words), *minus))


def test_words_that_say_little_are_left_out() -> None:
    assert telling_words("A dog, the DOG and a cat in it") == ("dog", "cat")
    assert telling_words("of the and") == ()


def test_words_are_found_as_the_store_finds_them() -> None:
    """Endings, accents and case do not matter, and hostile texts are only texts."""
    assert words_in(["barking", "cafe", '"x" OR'], ["He barks at the Café", "x or", "\0\ud800"]) == [
        ("barking", "cafe"),
        ('"x" OR',),
        (),
    ]


def test_the_tokenizer_is_that_of_the_stores_full_text(store: Store) -> None:
    with closing(sqlite3.connect(store.path / DATABASE_NAME)) as connection:
        (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'words'").fetchone()
    assert TOKENIZER in made


def test_the_share_of_words_that_stand_there_moves_the_log_odds(store: Store, judging: Judging) -> None:
    hits = {hit.name: hit for hit in found(store, asked("a dog barking in the rain"), judging, k=44, explain=True)}

    for name, words, share in (
        ("note.txt", ("dog", "barking", "rain"), 1.0),
        ("dogs-barking.jpg", ("dog", "barking"), 2 / 3),
        ("dog.jpg", ("dog",), 1 / 3),
    ):
        told = hits[name].explanation
        assert told is not None
        assert told.words is not None
        assert set(told.words.words) == set(words)
        assert told.words.adds == pytest.approx(WORDS_LOG_ODDS * share)
        read = READ[hits[name].modality]
        assert told.log_odds == pytest.approx(read.slope * hits[name].score + read.intercept + told.words.adds)
        assert told.log_odds is not None
        assert hits[name].probability == pytest.approx(1 / (1 + np.exp(-told.log_odds)))
    assert hits["img_0.jpg"].explanation is not None
    assert hits["img_0.jpg"].explanation.words is None


def test_what_only_words_find_is_found_however_short_the_page(store: Store, judging: Judging) -> None:
    """Its vector is far down the list; its words lift it, in a page of any length to the same place."""
    names = [hit.name for hit in found(store, asked("dog barking rain"), judging, k=44)]

    without = [hit.name for hit in found(store, asked("dog barking rain"), judging, k=44, keywords=False)]
    assert without.index("note.txt") > 40
    assert names.index("note.txt") < 30
    for k in (1, 2, 3, 7, 20, 30):
        assert [hit.name for hit in found(store, asked("dog barking rain"), judging, k=k)] == names[:k]


def test_words_that_match_nothing_change_nothing(store: Store, judging: Judging) -> None:
    with_words = found(store, asked("zebra crossing"), judging, k=44)
    without = found(store, asked("zebra crossing"), judging, k=44, keywords=False)

    assert with_words == without


def test_without_probabilities_words_count_only_if_asked_and_by_rank(store: Store) -> None:
    plain = found(store, asked("dog barking rain"), k=5)
    fused = found(store, asked("dog barking rain"), k=44, keywords=True, explain=True)

    assert [hit.name for hit in plain] == [f"img_{place}.jpg" for place in range(5)]
    assert {hit.name for hit in fused[:3]} == {"note.txt", "dogs-barking.jpg", "dog.jpg"}
    told = fused[0].explanation
    assert told is not None
    assert told.words is not None
    assert told.ranked_by is Ranked.RECIPROCAL_RANK
    assert told.words.adds == pytest.approx(1 / (RANK_OFFSET + told.words.rank))
    assert told.worth > told.words.adds


def test_an_unwanted_part_takes_half_its_log_odds_above_chance_and_its_words(store: Store, judging: Judging) -> None:
    hits = found(store, asked("", (row(0.0, 4), -1.0, "dog")), judging, k=44, explain=True)

    chance = np.log(PRIOR / (1 - PRIOR))
    by_name = {hit.name: hit for hit in hits}
    for hit in hits:
        assert hit.explanation is not None
        (taken,) = hit.explanation.unwanted
        read = READ[hit.modality]
        above = max(0.0, read.slope * taken.likeness + read.intercept - chance)
        words = WORDS_LOG_ODDS if "dog" in taken.words else 0.0
        assert taken.takes == pytest.approx(UNWANTED_SHARE * above + words, abs=1e-5)
        assert hit.explanation.log_odds == pytest.approx(
            read.slope * hit.score + read.intercept - taken.takes, abs=1e-5
        )
    assert by_name["dog.jpg"].rank == 44
    assert by_name["note.txt"].explanation is not None


def test_a_filter_holds_for_what_words_find_too(store: Store, judging: Judging) -> None:
    hits = found(store, asked("dog barking rain"), judging, k=44, where='modality = "image"')

    assert len(hits) == 43
    assert {hit.modality for hit in hits} == {IMAGE}


def test_only_one_modality_is_found_by_words_if_only_that_is_asked_for(store: Store, judging: Judging) -> None:
    assert [hit.name for hit in found(store, asked("dog barking rain"), judging, modality="text")] == ["note.txt"]


def test_what_only_words_find_is_lessened_by_what_is_unwanted_too(store: Store, judging: Judging) -> None:
    unwanted = (row(0.0, 6), -1.0, "rain")

    hits = {hit.name: hit for hit in found(store, asked("dog barking", unwanted), judging, k=44, explain=True)}

    told = hits["note.txt"].explanation
    assert told is not None
    assert told.words is not None
    assert told.unwanted[0].words == ("rain",)
    assert told.unwanted[0].takes > WORDS_LOG_ODDS


def test_where_all_that_is_near_is_unwanted_what_leads_away_is_found(tmp_path: Path) -> None:
    """More unwanted items than are looked at lie nearer than the one that is left."""
    dogs = [entry(f"{place}.jpg", unit(row(0.8, 2) + np.float32(place) * 1e-5)) for place in range(POOL + 20)]
    with Store.create(tmp_path / "media.cs", FAKE_SPACE) as made:
        made.put([*dogs, entry("cow.jpg", row(0.5, 3))])
        query = Asked(parts=(part(QUERY), part(row(0.0, 2)[0], -1.0)))

        assert found(made, Asked(parts=(part(QUERY),)), k=POOL + 1)[-1].name != "cow.jpg"
        assert found(made, query, k=1)[0].name == "cow.jpg"


def test_words_of_one_modality_are_found_however_many_others_match(tmp_path: Path, judging: Judging) -> None:
    """The modality is part of what is matched, not a sieve behind the best few matches."""
    texts = [entry(f"{place}.txt", row(0.1, 6), "dog dog dog barking") for place in range(600)]
    with Store.create(tmp_path / "many.cs", FAKE_SPACE) as many:
        many.put([*texts, entry("dog.jpg", row(0.2, 3)), entry("other.jpg", row(0.25, 4))])
        hits = found(many, asked("dog barking"), judging, k=2, modality=IMAGE, explain=True)

    told = {hit.name: hit.explanation and hit.explanation.words for hit in hits}
    assert told["dog.jpg"] is not None
    assert told["dog.jpg"].words == ("dog",)
    assert hits[0].name == "dog.jpg"
