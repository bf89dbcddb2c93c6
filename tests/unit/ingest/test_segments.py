"""Text is cut at natural ends and sound into even windows; nothing is lost and nothing overlaps."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from commonspace.ingest.segments import passages, sentences, windows

PROSE = st.text(alphabet=st.sampled_from("ab. \n\té!?\u3002"), max_size=400)


@given(text=PROSE, length=st.integers(1, 60))
def test_passages_hold_every_word_in_order_and_none_is_too_long(text: str, length: int) -> None:
    spans = list(passages(text, length))
    assert re.sub(r"\s", "", "".join(text[a:b] for a, b in spans)) == re.sub(r"\s", "", text)
    assert all(0 < b - a <= length for a, b in spans)
    assert all(before <= after for (_, before), (after, _) in pairwise(spans))


@given(text=PROSE, length=st.integers(1, 60))
def test_a_passage_neither_starts_nor_ends_with_white_space(text: str, length: int) -> None:
    assert all(text[a:b] == text[a:b].strip() != "" for a, b in passages(text, length))


def test_a_passage_ends_at_a_paragraph_then_a_sentence_then_a_word() -> None:
    text = "One one one. Two two.\n\nThree three three. Four four four four."
    assert [text[a:b] for a, b in passages(text, 30)] == [
        "One one one. Two two.",
        "Three three three.",
        "Four four four four.",
    ]
    assert list(passages("aaaa bbbb cccc", 10)) == [(0, 9), (10, 14)]
    assert list(passages("x" * 25, 10)) == [(0, 10), (10, 20), (20, 25)]


def test_a_short_text_is_one_passage() -> None:
    assert list(passages("  a red car \n", 900)) == [(2, 11)]


@given(num_samples=st.integers(1, 10_000), size=st.integers(1, 500))
def test_windows_cover_everything_once_and_are_nearly_equal(num_samples: int, size: int) -> None:
    spans = list(windows(num_samples, size))
    assert spans[0][0] == 0
    assert spans[-1][1] == num_samples
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    lengths = [end - start for start, end in spans]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1


@given(text=PROSE)
def test_sentences_hold_every_word_in_order(text: str) -> None:
    spans = list(sentences(text))
    assert re.sub(r"\s", "", "".join(text[a:b] for a, b in spans)) == re.sub(r"\s", "", text)
    assert all(before <= after for (_, before), (after, _) in pairwise(spans))


def test_a_sentence_ends_at_its_mark_or_with_its_paragraph() -> None:
    text = 'He said "no." Use e.g. a spoon.\n\nA heading\n\nIt costs 3.50 today! \u4f60\u597d\u3002\u518d\u89c1\u3002'
    assert [text[a:b] for a, b in sentences(text)] == [
        'He said "no."',
        "Use e.g. a spoon.",
        "A heading",
        "It costs 3.50 today!",
        "\u4f60\u597d\u3002",
        "\u518d\u89c1\u3002",
    ]
