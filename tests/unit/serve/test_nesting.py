"""Depth is counted as a parser would count it, strings left out, whatever the bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonspace.serve import nesting
from commonspace.serve.nesting import too_deep

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a"\\[]{},:\u00e4\n')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('k"\\[{')), inner, max_size=3),
    max_leaves=20,
)


def depth(document: object) -> int:
    """How many brackets are open at the deepest place."""
    if not isinstance(document, (list, dict)):
        return 0
    inner = document if isinstance(document, list) else document.values()
    return 1 + max(map(depth, inner), default=0)


@given(DOCUMENTS, st.booleans())
def test_it_agrees_with_the_parsed_document(document: object, ascii_only: bool) -> None:  # noqa: FBT001
    text = json.dumps(document, ensure_ascii=ascii_only).encode()

    assert [too_deep(text, limit) for limit in range(8)] == [depth(document) > limit for limit in range(8)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[" * 33, True),
        (b"[" * 32, False),
        (b'{"a":' * 33, True),
        (b"[]" * 1000, False),
        (b'"' + b"[" * 1000, False),
        (b'"\\"' + b"[" * 1000 + b'"', False),
        (b'"\\\\"' + b"[" * 33, True),
        (b"]" * 100 + b"[" * 33, True),
        (b"[" * 20 + b"{" * 20, True),
        (b"\xff\xfe" + b"[" * 40, True),
        (b"", False),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)
def test_texts_that_no_parser_would_take(text: bytes, *, expected: bool) -> None:
    assert too_deep(text, 32) is expected


@pytest.mark.parametrize("shift", range(-3, 4))
def test_strings_and_depth_go_on_from_block_to_block(shift: int) -> None:
    ahead = b'["' + b"[" * (nesting.BLOCK_BYTES + shift)

    assert not too_deep(ahead + b'\\"[[["]', 3)
    assert too_deep(ahead + b'\\\\",[[[', 3)
    assert not too_deep(ahead + b'\\\\",[[', 3)
