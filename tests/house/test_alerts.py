"""The shipped alert rules, computed over made-up months: they fire on a burn, and are silent on a healthy day."""

# ruff: noqa: RUF009  # a rate that is a default keeps nothing
import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.promql import Node, Points, World, parse

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus-rules.yaml"
SCRAPE = 60
HOUR = 3600
NOW = 8 * HOUR
BURN_FAST = {"CommonspaceErrorsBurnFast", "CommonspaceLateBurnFast"}
BURNS = {*BURN_FAST, "CommonspaceErrorsBurnSlow", "CommonspaceLateBurnSlow"}

Rate = Callable[[float], float]
"""Events a second, at a time in seconds."""


@cache
def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in found for rule in group["rules"]]


@cache
def alerts() -> dict[str, Node]:
    return {rule["alert"]: parse(rule["expr"]) for rule in rules() if "alert" in rule}


@cache
def recorded() -> dict[str, Node]:
    return {rule["record"]: parse(rule["expr"]) for rule in rules() if "record" in rule}


def panels() -> Iterator[str]:
    """Every expression of the dashboard."""
    for panel in json.loads((DEPLOY / "grafana.json").read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def counted(rate: Rate) -> Points:
    """A counter that grows at a rate, as it is scraped."""
    total, points = 0.0, []
    for now in range(0, NOW + 1, SCRAPE):
        total += rate(now) * SCRAPE
        points.append((float(now), total))
    return points


def steady(value: float) -> Rate:
    return lambda _: value


def since(start: float, value: float, before: float = 0.0) -> Rate:
    return lambda now: value if now >= start else before


def product(left: Rate, right: Rate) -> Rate:
    return lambda now: left(now) * right(now)


def rest(share: Rate) -> Rate:
    return lambda now: 1 - share(now)


def level(value: Rate) -> Points:
    return [(float(now), value(now)) for now in range(0, NOW + 1, SCRAPE)]


@dataclass(frozen=True, kw_only=True)
class Day:
    """Requests and items a second; ``bad`` and ``late`` are shares of them over time."""

    requests: Rate = steady(10.0)
    bad: Rate = steady(0.0002)
    late: Rate = steady(0.002)
    refused: Rate = steady(0.001)
    busy: Rate = steady(0.5)
    hits: Rate = steady(0.3)
    workers: Rate = steady(2)
    ready: Rate = steady(1)
    up: Rate = steady(1)
    deaths: Rate = steady(0.0001)
    batch_failures: Rate = steady(0.0)

    def world(self) -> World:
        """The series of such a day."""
        world, route = World(recorded=recorded()), {"route": "/v1/embeddings"}

        def add(name: str, share: Rate, **labels: str) -> None:
            world.add(f"commonspace_{name}", counted(product(self.requests, share)), **labels)

        add("requests_total", rest(self.bad), status="200", **route)
        add("requests_total", self.bad, status="500", **route)
        add("requests_total", steady(0.1), status="503", route="/readyz")
        for modality, late in {"text": self.late, "image": steady(0.0)}.items():
            add("interactive_items_total", late, modality=modality, outcome="late")
            add("interactive_items_total", rest(late), modality=modality, outcome="in_time")
        add("refusals_total", self.refused, cause="overloaded")
        add("cache_total", self.hits, outcome="hit")
        add("cache_total", rest(self.hits), outcome="miss")
        world.add("commonspace_item_errors_total", counted(self.deaths), code="decoder_died")
        world.add("commonspace_batch_failures_total", counted(self.batch_failures), modality="text")
        busy = counted(product(steady(2), self.busy))
        here = {"instance": "one"}
        world.add("commonspace_stage_seconds_sum", busy, stage="inference", **here)
        world.add("commonspace_level", level(steady(2)), what="slots", **here)
        world.add("commonspace_level", level(self.workers), what="decode_workers_ready", **here)
        world.add("commonspace_level", level(self.ready), what="ready", **here)
        world.add("up", level(self.up), job="commonspace", **here)
        return world


def fired(day: Day, now: float = NOW) -> set[str]:
    """The alerts whose expression holds at a time, and held for as long as they ask."""
    world = day.world()
    waits = {rule["alert"]: rule.get("for", "0m") for rule in rules() if "alert" in rule}
    wait = {name: int(text[:-1]) * {"m": 60, "h": 3600}[text[-1]] for name, text in waits.items()}
    return {
        name
        for name, node in alerts().items()
        if all(world.at(node, moment) for moment in {now, now - wait[name] / 2, now - wait[name]})
    }


def test_a_healthy_day_is_silent() -> None:
    assert fired(Day()) == set()


DAYS: dict[str, tuple[Day, set[str]]] = {
    "a fifth of requests fails for half an hour": (
        Day(bad=since(NOW - 1800, 0.2)),
        {"CommonspaceErrorsBurnFast", "CommonspaceErrorsBurnSlow"},
    ),
    "two per cent fail for over an hour": (Day(bad=since(NOW - 4000, 0.02)), {"CommonspaceErrorsBurnFast"}),
    "one per cent fails since yesterday": (Day(bad=steady(0.01)), {"CommonspaceErrorsBurnSlow"}),
    "half of one per cent fails, as is allowed for some days": (Day(bad=steady(0.005)), set()),
    "a fifth failed an hour ago, and it is over": (Day(bad=lambda now: 0.2 * (NOW - 3500 < now < NOW - 2500)), set()),
    "half of the texts are late for half an hour": (Day(late=since(NOW - 1800, 0.5)), {"CommonspaceLateBurnFast"}),
    "a tenth of the texts is late since yesterday": (Day(late=steady(0.1)), {"CommonspaceLateBurnSlow"}),
    "everything fails, and nobody is there": (Day(requests=steady(0.001), bad=steady(1.0), late=steady(1.0)), set()),
    "a fifth of requests is refused for load": (Day(refused=since(NOW - 1800, 0.2)), {"CommonspaceRefusesForLoad"}),
    "the towers never rest": (Day(busy=steady(0.99)), {"CommonspaceSlotsBusy"}),
    "a decoding process is gone": (Day(workers=since(NOW - 600, 1, before=2)), {"CommonspaceWorkersLost"}),
    "a decoding process was gone for a minute": (Day(workers=lambda now: 2 - (NOW - 180 < now < NOW - 70)), set()),
    "it is not ready": (Day(ready=since(NOW - 120, 0, before=1)), {"CommonspaceNotReady"}),
    "it is down": (Day(up=since(NOW - 120, 0, before=1)), {"CommonspaceDown"}),
    "somebody sends bombs": (Day(deaths=since(NOW - 900, 0.1)), {"CommonspaceDecodersDie"}),
    "a tower fails": (Day(batch_failures=since(NOW - 900, 0.01)), {"CommonspaceBatchesFail"}),
    "nothing is asked for twice": (Day(hits=steady(0.0)), {"CommonspaceCacheUseless"}),
}


@pytest.mark.parametrize("what", DAYS)
def test_what_fires_on_a_day(what: str) -> None:
    day, expected = DAYS[what]

    assert fired(day) == expected


def test_every_alert_fires_on_some_day() -> None:
    assert set().union(*(expected for _, expected in DAYS.values())) == set(alerts())


def test_a_fast_burn_fires_within_ten_minutes_and_ends_within_ten() -> None:
    burn = Day(bad=lambda now: 0.5 * (NOW - 3 * HOUR < now < NOW - 2 * HOUR))

    assert "CommonspaceErrorsBurnFast" in fired(burn, NOW - 3 * HOUR + 600)
    assert "CommonspaceErrorsBurnFast" not in fired(burn, NOW - 2 * HOUR + 600)


@pytest.mark.parametrize("name", sorted(BURNS))
def test_a_burn_alert_asks_for_two_windows_and_for_a_volume(name: str) -> None:
    node = alerts()[name]
    ratios = [part.name for part in node.walk() if part.name.startswith("commonspace:")]
    windows = {"1h", "5m"} if name in BURN_FAST else {"6h", "30m"}

    assert {ratio.rpartition("rate")[2] for ratio in ratios} == windows
    assert [part.name for part in node.walk() if part.kind == "call"] == ["increase"]


def test_every_recorded_ratio_is_used_and_every_used_one_recorded() -> None:
    used = {part.name for node in alerts().values() for part in node.walk() if ":" in part.name}

    assert used == set(recorded())


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"page", "ticket", "info"}
            assert {"summary", "action"} == set(rule["annotations"])


def test_the_dashboards_expressions_can_be_read() -> None:
    assert len([parse(expression) for expression in panels()]) > 20


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("sum(a)", {frozenset(): 30.0}),
        ('sum by (x) (a{x=~"o.*",y!="q"})', {frozenset({("x", "one")}): 10.0}),
        ("increase(a[1m]) > 1", {frozenset({("x", "two"), ("y", "q")}): 4.0}),
        ("rate(a[1m]) * 60 > 1", {frozenset({("x", "two"), ("y", "q")}): 4.0}),
        ("a > 15 and a < 25", {frozenset({("x", "two"), ("y", "q")}): 20.0}),
        ("sum(a) > 1 unless sum(a) > 2", {}),
        ("sum(a) > 100 or sum(a) / 2", {frozenset(): 15.0}),
    ],
)
def test_expressions_come_to_what_prometheus_says(expression: str, expected: object) -> None:
    world = World()
    world.add("a", [(0.0, 9.0), (30.0, 9.5), (60.0, 10.0)], x="one", y="p")
    world.add("a", [(0.0, 1.0), (30.0, 18.0), (60.0, 2.0), (70.0, 20.0)], x="two", y="q")

    assert world.at(parse(expression), 60.0 if "[1m]" in expression else 80.0) == expected


@pytest.mark.parametrize("expression", ["avg(a)", "a and", "a[5m", "a b", "topk(3, a)", "sum without (x) (a)"])
def test_an_expression_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"expected|known|read|doing"):
        parse(expression)


def test_nothing_over_nothing_is_no_alarm() -> None:
    world = World()
    world.add("a", [(0.0, 0.0), (30.0, 0.0)])

    assert math.isnan(next(iter(dict(world.at(parse("a / a"), 30.0)).values())))  # type: ignore[arg-type]
    assert world.at(parse("a / a > 0"), 30.0) == {}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_understands_the_rules() -> None:
    answer = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr
