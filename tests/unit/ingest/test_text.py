"""Text is read by its bytes' encoding, in passages whose spans index the decoded text."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonspace.core.errors import ItemError
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode, decode_value
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import source_of

PLAN = Plan(passage_chars=40)


def test_a_string_is_text_even_if_a_file_of_that_name_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dog.txt").write_text("cat")
    monkeypatch.chdir(tmp_path)
    item = decode_value("dog.txt", PLAN)
    assert item.modality is Modality.TEXT
    assert [piece.content for piece in item.pieces] == ["dog.txt"]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip))
def test_spans_index_the_text_exactly(text: str) -> None:
    for piece in decode_value(text, PLAN).pieces:
        assert piece.span is not None
        assert piece.content == text[piece.span.start_char : piece.span.end_char]


@pytest.mark.parametrize(
    ("data", "text", "notes"),
    [
        ("Grüße".encode(), "Grüße", ()),
        ("Grüße".encode("utf-8-sig"), "Grüße", ()),
        ("Grüße".encode("utf-16"), "Grüße", ("read as UTF-16",)),
        ("Grüße".encode("utf-32"), "Grüße", ("read as UTF-32",)),
        ("Grüße für €5".encode("cp1252"), "Grüße für €5", ("not UTF-8; read as Windows-1252",)),
    ],
)
def test_the_encoding_is_found_and_a_guess_is_noted(data: bytes, text: str, notes: tuple[str, ...]) -> None:
    item = decode(source_of(data), PLAN)
    assert [piece.content for piece in item.pieces] == [text]
    assert item.notes == notes


@pytest.mark.parametrize("data", [b"a\x00b", b"\x81\x8d\x8f", bytes(range(1, 32)), b"abc\x7f"])
def test_what_no_person_wrote_is_not_text(data: bytes) -> None:
    with pytest.raises(ItemError) as caught:
        decode(source_of(data), PLAN)
    assert caught.value.item_code == "not_text"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_text_without_words_is_empty(text: str) -> None:
    with pytest.raises(ItemError) as caught:
        decode_value(text, PLAN)
    assert caught.value.item_code == "empty"


def test_half_characters_are_replaced_so_that_the_text_can_be_stored() -> None:
    item = decode_value("a\ud83d b", PLAN)
    assert [piece.content for piece in item.pieces] == ["a\N{REPLACEMENT CHARACTER} b"]
    assert item.notes == ("half characters replaced",)


def test_text_beyond_the_limit_is_refused_not_cut() -> None:
    with pytest.raises(ItemError) as caught:
        decode_value("x" * (Limits().text_bytes + 1), PLAN)
    assert caught.value.item_code == "too_large"


@pytest.mark.parametrize(
    ("value", "hint"), [(np.zeros((4, 4)), "Audio(array, rate)"), (7, "pathlib.Path"), (None, "str")]
)
def test_other_values_are_refused_with_what_to_give_instead(value: object, hint: str) -> None:
    with pytest.raises(ItemError) as caught:
        decode_value(value, PLAN)
    assert caught.value.item_code == "bad_value"
    assert hint in caught.value.fix


def test_equal_content_has_an_equal_hash_wherever_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A heron.")
    values = ["A heron.", b"A heron.", tmp_path / "a"]
    assert len({decode_value(value, PLAN).content_hash for value in values}) == 1
