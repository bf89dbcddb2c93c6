"""Names of files become captions and concepts, with a WordNet of a few words in the real files' format."""

import pytest

from recipes.corpus.wordnet import WordNet
from recipes.corpus.words import clean, describe, find_concept, mentions
from tests.unit.recipes.corpus.small_wordnet import write_wordnet


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> WordNet:
    return WordNet(write_wordnet(tmp_path_factory.mktemp("wordnet")))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("Red_Sports-Car_01.png", "red sports car"),
        ("img_0042", "img"),
        ("teddyBear", "teddy bear"),
        ("Horse (brown)", "horse, brown"),
        ("clip art of a cat", "of a cat"),
        ("0042", ""),
    ],
)
def test_a_name_is_cleaned_of_codes_suffixes_and_words_about_the_file(raw: str, told: str) -> None:
    assert clean(raw) == told


@pytest.mark.parametrize(
    ("title", "concept"),
    [
        ("red sports car", "car"),
        ("gatto cat", "cat"),
        ("two mice", "mouse"),
        ("hot dog", "hot dog"),
        ("polar bear", "bear"),
        ("cat on a car", "cat"),
        ("pair of mice", "mouse"),
        ("running dog", "dog"),
        ("automobile", "car"),
        ("gatto", ""),
        ("red", ""),
    ],
)
def test_the_concept_is_the_noun_that_the_title_is_about(wordnet: WordNet, title: str, concept: str) -> None:
    assert find_concept(title, wordnet) == concept


def test_unknown_words_are_dropped_from_names_but_kept_in_curated_titles(wordnet: WordNet) -> None:
    assert describe("gatto_cat_architetto_01", (), wordnet).title == "cat"
    assert describe("gatto cat", (), wordnet, curated=True).title == "gatto cat"


def test_a_name_without_words_has_no_captions(wordnet: WordNet) -> None:
    assert describe("img_0042", (), wordnet).captions == ()


def test_a_title_without_a_noun_takes_the_most_specific_keyword_that_is_no_folder(wordnet: WordNet) -> None:
    words = describe("cavallo", ("animal", "cat"), wordnet, hints=("animals",))
    assert words.concept == "cat"
    assert words.captions[0] == "cat"


def test_glosses_are_of_the_sense_that_the_keywords_point_to(wordnet: WordNet) -> None:
    device = describe("mouse", ("computer",), wordnet).glosses
    animal = describe("mouse", ("animal",), wordnet).glosses
    assert any("computer" in line for line in device)
    assert any("rodents" in line for line in animal)


def test_a_caption_mentions_singulars_phrases_and_the_commonest_names(wordnet: WordNet) -> None:
    assert {"mouse", "mice", "car", "hot dog"} <= mentions("mice, automobiles, hot dog", wordnet)
