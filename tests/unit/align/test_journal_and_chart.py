"""The log goes back with a run that goes back, and the picture shows every line."""

import csv
from pathlib import Path
from xml.etree import ElementTree as ET

from commonspace.align.chart import Chart, Line
from commonspace.align.journal import Journal
from commonspace.align.plan import Progress


def progress(step: int, **more: float) -> Progress:
    parts = {"info_nce:text-image": 1.0 / step, **more}
    return Progress(step=step, num_steps=40, loss=1.0 / step, parts=parts, rate=0.1, temperatures={}, score=None)


def steps(folder: Path) -> list[int]:
    with (folder / "log.csv").open(encoding="utf-8") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_every_tenth_step_and_the_last_are_noted(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for step in range(1, 41):
            journal(progress(step))

    assert steps(tmp_path) == [10, 20, 30, 40]
    assert any((tmp_path / "tensorboard").iterdir())


def test_a_run_that_went_back_overwrites_what_it_had_noted(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for step in range(1, 35):
            journal(progress(step))
    with Journal(tmp_path) as journal:
        for step in range(15, 41):
            journal(progress(step))

    assert steps(tmp_path) == [10, 20, 30, 40]


def test_a_part_that_comes_later_gets_a_column(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal(progress(10))
        journal(progress(20, structure=0.5))
        journal(progress(30))

    with (tmp_path / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["part/structure"] for row in rows] == ["", "0.5", ""]


def test_the_picture_has_a_line_and_a_name_for_every_direction() -> None:
    lines = (
        Line(name="test: text->image", values=(0.1, 0.4, 0.5), solid=True),
        Line(name="<photos>", values=(0.9, 0.8, 0.1), solid=False),
    )
    svg = Chart(title="a & b", across="alpha", up="R@10", places=(0.0, 0.5, 1.0), lines=lines, mark=0.5).to_svg()

    root = ET.fromstring(svg)  # noqa: S314  (made here)
    drawn = [each for each in root.iter() if each.tag.endswith("polyline")]
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert len(drawn) == 2
    assert [each.get("stroke-dasharray") for each in drawn] == [None, "6 4"]
    assert {"test: text->image", "<photos>", "chosen", "alpha"} <= set(words)
    heights = [float(point.split(",")[1]) for point in (drawn[0].get("points") or "").split()]
    assert heights == sorted(heights, reverse=True)
