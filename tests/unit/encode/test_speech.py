"""Spoken words: passages put together, and a Whisper that is not here says what to do."""

from importlib import util
from pathlib import Path

import pytest

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.encode.speech import Passage, joined
from commonspace.encode.whisper import Whisper


def said(text: str, start: float, end: float) -> Passage:
    return Passage(text=text, start_seconds=start, end_seconds=end)


def test_neighbours_are_one_passage_until_a_pause_or_twenty_seconds() -> None:
    whole = joined(
        [
            said("a", 0, 6),
            said("b", 6.5, 12),
            said("c", 12, 19),
            said("d", 19, 24),
            said("e", 30, 31),
            said("f", 31, 32),
        ]
    )

    assert whole == (said("a b c", 0, 19), said("d", 19, 24), said("e f", 30, 32))
    assert joined([]) == ()


def test_a_passage_ends_with_its_sentence_unless_that_is_very_short() -> None:
    whole = joined([said("It rains.", 0, 3), said("Yes.", 3, 3.5), said("He came", 3.5, 6), said("late.", 6, 7)])

    assert whole == (said("It rains.", 0, 3), said("Yes. He came late.", 3, 7))


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("commonspace.encode.whisper.find_spec", lambda _: None)

    with pytest.raises(MissingExtra) as caught:
        Whisper(str(tmp_path))

    assert caught.value.fix == "Run: pip install 'commonspace[speech]'"


@pytest.mark.parametrize("there", [(), ("model.bin",)])
def test_a_folder_without_a_model_or_its_tokenizer_is_refused(tmp_path: Path, there: tuple[str, ...]) -> None:
    assert util.find_spec("faster_whisper"), "the test requirements hold faster-whisper"
    for name in there:
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(ModelError, match="lacks"):
        Whisper(str(tmp_path))


def test_a_name_that_is_not_in_the_cache_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(ModelError, match="neither a folder nor in the local cache"):
        Whisper("large-v3")
    with pytest.raises(ModelError, match="neither a folder nor in the local cache"):
        Whisper("no such model")
