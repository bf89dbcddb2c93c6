"""Values as a person reads them."""

import pytest

from commonspace.core.item import Span
from commonspace.shell.wording import clock, duration, excerpt, printable, size, span_words


@pytest.mark.parametrize(
    ("num_bytes", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (15_400, "15 kB"),
        (2_500_000, "2.5 MB"),
        (7 * 10**12, "7.0 TB"),
        (10**16, "10000 TB"),
    ],
)
def test_sizes(num_bytes: int, words: str) -> None:
    assert size(num_bytes) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (67, "1:07"), (3723, "1:02:03")])
def test_positions(seconds: float, words: str) -> None:
    assert clock(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.84, "0.8 s"), (42.4, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (59.7, "1 min 00 s")],
)
def test_lengths(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (None, ""),
        (Span(), ""),
        (Span(start_seconds=3.0, end_seconds=64.5), "0:03 to 1:04"),
        (Span(start_seconds=3.0, end_seconds=3.9), "0:03"),
        (Span(start_seconds=3.0), "0:03"),
        (Span(page=2, heading="Pets"), "page 2, Pets"),
        (Span(heading="\x1b[1mPets"), "\\x1b[1mPets"),
        (Span(start_char=0, end_char=9), ""),
    ],
)
def test_places(span: Span | None, words: str) -> None:
    assert span_words(span) == words


def test_letters_of_every_script_are_printable_and_controls_are_not() -> None:
    assert printable("Größe 犬 🐕") == "Größe 犬 🐕"
    assert printable("a\x1b\r\n\u202e\udcff") == "a\\x1b\\r\\n\\u202e\\udcff"


@pytest.mark.parametrize(
    ("passage", "short"),
    [
        ("a  b\nc", "a b c"),
        ("the dog barks loudly", "the dog…"),
        ("x" * 20, "x" * 11 + "…"),
        ("the dogs. barks", "the dogs…"),
    ],
)
def test_excerpts_end_between_words(passage: str, short: str) -> None:
    assert excerpt(passage, 12) == short
