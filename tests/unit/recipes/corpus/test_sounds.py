"""What recordings sound like, read from the shipped tables: rules in order, phrases for all, silence where unknown."""

from pathlib import Path

import pytest

import recipes.corpus
from recipes.corpus.sounds import SoundTables, name_words
from recipes.corpus.sounds_speech import transcript

TABLES = Path(recipes.corpus.__file__).parent


@pytest.fixture(scope="module")
def tables() -> SoundTables:
    return SoundTables.read(TABLES)


def test_a_path_with_a_rule_gets_its_own_words_before_those_of_its_concept(tables: SoundTables) -> None:
    heard = tables.hear("0ad-data", "public.zip!audio/actor/fauna/animal/elephant_death_1.ogg")
    assert heard is not None
    assert heard.concept == "elephant"
    assert heard.captions[:2] == ("an elephant dying", "an elephant")


def test_the_first_rule_that_fits_wins(tables: SoundTables) -> None:
    running = tables.hear("0ad-data", "Footsteps/Footstep_Gravel_Running.ogg")
    single = tables.hear("0ad-data", "singlesteps/fs_gravel3.ogg")
    assert running is not None
    assert single is not None
    assert (running.captions[0], single.captions[0]) == ("someone running on gravel", "a footstep on gravel")


def test_a_name_that_tells_nothing_gives_no_caption(tables: SoundTables) -> None:
    assert tables.hear("colobot-common-sounds", "usr/share/games/colobot/sounds/sound055.wav") is None
    assert tables.hear("no-such-package", "hero_07.ogg") is None


def test_a_package_without_rules_is_told_by_the_words_of_the_bare_name_alone(tables: SoundTables) -> None:
    heard = tables.hear("no-such-package", "sounds/misc/DogBark_02.ogg")
    assert heard is not None
    assert heard.concept == "dog"
    assert tables.hear("no-such-package", "sounds/dog/hero_07.ogg") is None


def test_a_clip_of_the_synthesiser_is_named_after_the_programme_that_leads_it(tables: SoundTables) -> None:
    first, again = tables.hear("own-synthesis", "phrase-0040"), tables.hear("own-synthesis", "phrase-0168")
    assert first is not None
    assert first == again
    assert first.captions[0] == "a melody played on a violin"


def test_every_concept_has_three_captions_or_more_and_none_twice(tables: SoundTables) -> None:
    for concept, heard in tables.concepts.items():
        assert len(heard.captions) >= 3, concept
        assert len(set(heard.captions)) == len(heard.captions), concept


def test_every_concept_is_named_by_a_rule_or_a_programme(tables: SoundTables) -> None:
    named = {rule.concept for rule in tables.rules + tables.general_rules} | {p.concept for p in tables.programmes}
    assert named == set(tables.concepts)


def test_there_are_the_128_programmes_of_general_midi(tables: SoundTables) -> None:
    assert len(tables.programmes) == 128


def test_a_rule_without_phrases_for_its_concept_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sounds_concepts.tsv").write_text("dog\tdog*\ta dog | barking | a dog barking\n")
    (tmp_path / "sounds_rules.tsv").write_text("*\tcat\tcat\t\n")
    (tmp_path / "sounds_general_midi.tsv").write_text("0\tdog\tpiano\n")
    with pytest.raises(ValueError, match=r"No phrases for \['cat'\]"):
        SoundTables.read(tmp_path)


def test_a_line_with_a_column_too_few_is_refused_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "sounds_concepts.tsv").write_text("# head\ndog\ta dog\n")
    with pytest.raises(ValueError, match="line 2: 2 columns, not 3"):
        SoundTables.read(tmp_path)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a.zip!x/DogBark_02.ogg", "dog bark"),
        ("thunder-loud.wav", "thunder loud"),
        ("07.flac", ""),
    ],
)
def test_words_of_a_name_lose_folders_digits_and_suffix(path: str, words: str) -> None:
    assert name_words(path) == words


@pytest.mark.parametrize(
    ("package", "path", "said"),
    [
        ("trigger-rally-data", "data.zip!sounds/codriver/ab/LeftDontCut.wav", "left don't cut"),
        ("hedgewars-data", "Sounds/voices/Pirate/Watchthis.ogg", "watch this"),
        ("hedgewars-data", "Sounds/voices/Default_ru/Watchthis.ogg", ""),
        ("sound-theme-freedesktop", "stereo/audio-channel-front-left.oga", "front left"),
        ("0ad-data", "fauna/animal/camel1.ogg", ""),
    ],
)
def test_what_is_said_is_told_only_where_the_name_is_what_is_said(package: str, path: str, said: str) -> None:
    assert transcript(package, path) == said
