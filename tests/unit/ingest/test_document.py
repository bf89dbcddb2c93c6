"""Documents fall into passages that know their page or heading and their exact characters."""

from dataclasses import replace

import pytest

from commonspace.core.errors import ItemError
from commonspace.core.item import Decoded
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import source_of
from tests.malformed.seeds import pdf_of

PLAN = Plan(passage_chars=60)
MARKDOWN = """Before any heading.

# Herons #

A heron stands in the **water**. It waits for a fish to come by.

Owls
----

```
# not a heading
```

Owls hunt at night.
"""
PAGE = """<!DOCTYPE html><html><head><title>All &amp; birds</title><style>p{color:red}</style>
<script>var x = "<p>not text</p>";</script></head><body><!-- <h1>not a heading</h1> -->
<p title="a > b">Before.</p><h1>Her<b>ons</b></h1><p>A heron
  stands &lt;still&gt;.<br>It waits.</p><h2>Owls</h2><ul><li>night<li>mice</ul></body></html>"""


def decoded(data: bytes, plan: Plan = PLAN) -> Decoded:
    return decode(source_of(data), plan)


def headings(item: Decoded) -> list[str | None]:
    return [piece.span.heading for piece in item.pieces if piece.span]


def test_markdown_passages_carry_their_heading_and_index_the_files_own_text() -> None:
    item = decoded(MARKDOWN.encode())
    assert item.modality is Modality.TEXT
    assert item.media_type == "text/markdown"
    assert headings(item) == [None, "Herons", "Herons", "Owls"]
    for piece in item.pieces:
        assert piece.span is not None
        assert piece.content == MARKDOWN[piece.span.start_char : piece.span.end_char]


def test_html_is_read_as_a_person_would() -> None:
    item = decoded(PAGE.encode())
    assert item.metadata["title"] == "All & birds"
    assert headings(item) == [None, "Herons", "Owls"]
    assert [piece.content for piece in item.pieces] == [
        "Before.",
        "Herons\n\nA heron stands <still>.\n\nIt waits.",
        "Owls\n\nnight\n\nmice",
    ]


@pytest.mark.parametrize(
    "markup", ["<p>heron", "<p>heron <b", "heron <3 owl", "<p>heron</p><!-- open", "<p>heron<script>open"]
)
def test_broken_html_keeps_its_words(markup: str) -> None:
    item = decoded(b"<html><body>" + markup.encode())
    assert str(item.pieces[0].content).startswith("heron")


def test_a_page_with_only_a_title_is_found_by_its_title() -> None:
    item = decoded(b"<html><head><title>Herons</title></head><body></body></html>")
    assert [piece.content for piece in item.pieces] == ["Herons"]


def test_pdf_text_carries_its_page_and_characters() -> None:
    item = decoded(pdf_of("A heron stands in the water."))
    assert item.media_type == "application/pdf"
    assert item.metadata["pages"] == 1
    assert [(p.content, p.span.page, p.span.start_char) for p in item.pieces if p.span] == [
        ("A heron stands in the water.", 1, 0)
    ]


def test_a_picture_in_a_pdf_becomes_an_item_of_its_own_that_decodes() -> None:
    item = decoded(pdf_of("A heron.", picture=True))
    assert [(e.name, e.span.page) for e in item.embedded if e.span] == [("picture-1", 1)]
    assert decoded(item.embedded[0].data).modality is Modality.IMAGE


def test_a_pdf_that_is_only_a_picture_has_no_piece_but_an_embedded_item() -> None:
    item = decoded(pdf_of("", picture=True))
    assert item.pieces == ()
    assert len(item.embedded) == 1


def test_pictures_too_small_to_mean_anything_are_left_out() -> None:
    plan = replace(PLAN, limits=replace(Limits(), picture_shortest_side=65))
    assert decoded(pdf_of("A heron.", picture=True), plan).embedded == ()


def test_pages_beyond_the_limit_are_left_out_and_it_is_noted() -> None:
    two = pdf_of("A heron.", extra={2: b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>"})
    item = decoded(two, replace(PLAN, limits=replace(Limits(), document_pages=1)))
    assert item.notes == ("first 1 of 2 pages only",)
    assert len(item.pieces) == 1


def test_a_locked_pdf_is_refused_with_what_to_do() -> None:
    lock = f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'41' * 32}>/U<{'42' * 32}>>>/ID[<00><00>]"
    with pytest.raises(ItemError) as caught:
        decoded(pdf_of("secret", trailer=lock))
    assert caught.value.item_code == "encrypted"
    assert "without a password" in caught.value.fix


@pytest.mark.parametrize("data", [b"<html><body><script>x</script></body></html>", pdf_of("")])
def test_a_document_without_words_or_pictures_is_empty(data: bytes) -> None:
    with pytest.raises(ItemError) as caught:
        decoded(data)
    assert caught.value.item_code == "empty"


def test_pages_that_are_pictures_only_are_noted() -> None:
    assert decoded(pdf_of("", picture=True)).notes == (
        "1 of the pages are pictures without text (scans?); words in them are not read",
    )
    assert decoded(pdf_of("A heron stands.", picture=True)).notes == ()


@pytest.mark.parametrize("by_line", [True, False], ids=["line by line", "column by column"])
def test_columns_that_are_drawn_line_by_line_are_noted(*, by_line: bool) -> None:
    lines = [
        f"BT /F1 7 Tf {left} {280 - 12 * row} Td (line {row} of this column here) Tj ET"
        for row in range(8)
        for left in (10, 160)
    ]
    order = lines if by_line else lines[::2] + lines[1::2]
    content = " ".join(order).encode()
    item = decoded(pdf_of("", extra={4: b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)}))
    assert any("columns drawn line by line" in note for note in item.notes) == by_line
