"""Lines that were read off a page become passages in reading order, column by column, each with its boxes."""

import numpy as np
import pytest

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.core.item import Region
from commonspace.encode import rapid
from commonspace.encode.rapid import RapidReader
from commonspace.encode.reading import Line, written

HEIGHT = 0.02


def line(text: str, left: float, top: float, width: float = 0.35, **changed: float) -> Line:
    height = changed.get("height", HEIGHT)
    region = Region.within(left, top, left + width, top + height)
    return Line(text=text, region=region, confidence=changed.get("confidence", 1.0))


def column(letter: str, left: float, top: float, num_lines: int = 3) -> list[Line]:
    return [line(f"{letter}{row}", left, top + 0.03 * row) for row in range(num_lines)]


PAGE = [
    line("HEADING", 0.1, 0.05, 0.8, height=0.05),
    *column("a", 0.1, 0.15),
    *column("b", 0.1, 0.4),
    *column("c", 0.55, 0.15),
    *column("d", 0.55, 0.4),
    line("ACROSS", 0.1, 0.6, 0.8, height=0.05),
    *column("e", 0.1, 0.7),
    *column("f", 0.55, 0.7),
]


def test_columns_are_read_one_after_the_other_between_headings_that_go_across() -> None:
    shuffled = [PAGE[at] for at in np.random.default_rng(0).permutation(len(PAGE))]

    words = " ".join(passage.text for passage in written(shuffled, 900)).split()

    columns = {name: [f"{name}{row}" for row in range(3)] for name in "abcdef"}
    above = [word for name in "abcd" for word in columns[name]]
    assert words == ["HEADING", *above, "ACROSS", *columns["e"], *columns["f"]]


def test_a_passage_ends_with_a_block_and_has_a_box_for_each_of_its_blocks() -> None:
    first, second = written([*column("a", 0.1, 0.1), *column("b", 0.1, 0.4), *column("c", 0.1, 0.7)], 20)

    assert first.text == "a0\na1\na2\n\nb0\nb1\nb2"
    assert first.regions == (Region.within(0.1, 0.1, 0.45, 0.18), Region.within(0.1, 0.4, 0.45, 0.48))
    assert second.text == "c0\nc1\nc2"


def test_a_block_that_is_too_long_is_cut_between_its_lines() -> None:
    passages = written(column("a", 0.1, 0.1, 10), 12)

    assert "\n".join(passage.text for passage in passages).split() == [f"a{row}" for row in range(10)]
    assert max(len(passage.text) for passage in passages) <= 12


def test_parts_of_one_row_stay_in_one_line_of_reading() -> None:
    (passage,) = written([line("world", 0.32, 0.1, 0.2), line("hello", 0.1, 0.101, 0.2)], 900)

    assert passage.text.split() == ["hello", "world"]
    assert len(passage.regions) == 1


def test_confidence_is_the_mean_over_characters() -> None:
    (passage,) = written([line("abc", 0.1, 0.1, confidence=0.5), line("d", 0.1, 0.13, confidence=0.9)], 900)

    assert passage.confidence == pytest.approx(0.6)


@pytest.mark.parametrize("num_lines", [0, 1, 40, 300])
def test_every_line_is_kept_once_wherever_lines_lie(num_lines: int) -> None:
    places = np.random.default_rng(num_lines).uniform(0, 1, (num_lines, 4))
    lines = [line(f"w{at}", x, y, w / 4, height=h / 9 + 1e-3) for at, (x, y, w, h) in enumerate(places)]

    words = " ".join(passage.text for passage in written(lines, 100)).split()

    assert sorted(words) == sorted(each.text for each in lines)


def test_without_the_extra_the_error_holds_the_line_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapid, "find_spec", lambda _: None)

    with pytest.raises(MissingExtra) as caught:
        RapidReader()

    assert caught.value.fix == "Run: pip install 'commonspace[ocr]'"


def test_a_network_that_is_missing_is_said_and_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapid, "WRITER", "gone.onnx")

    with pytest.raises(ModelError, match=r"lacks its network gone\.onnx"):
        RapidReader(threads=1).read(np.full((32, 32, 3), 255, np.uint8))
