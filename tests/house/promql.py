"""As much of PromQL as the shipped rules and panels are written in: read into a tree, and computed over made-up series.

Grammar and meaning follow prometheus.io/docs/prometheus/latest/querying; a rate counts resets and is extrapolated to
the ends of its window where the samples reach near them. What is not known here is refused, never skipped.
"""

import itertools
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Labels", "Node", "Points", "Vector", "World", "parse"]

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Points = Sequence[tuple[float, float]]

TOKEN = re.compile(
    r"\s*(?:(?P<range>\[[^\]]+\])|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w:]*)"
    r'|(?P<text>"[^"]*")|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/(){},=<>]))'
)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else math.nan,
}
FUNCTIONS = {"rate", "increase", "max_over_time", "histogram_quantile"}
LEVELS: tuple[tuple[str, ...], ...] = (("or",), ("and", "unless"), tuple(COMPARISONS), ("+", "-"), ("*", "/"))


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step: a number, a selector, a call, a sum by labels, or two sides with a sign between."""

    kind: str
    name: str = ""
    parts: tuple["Node", ...] = ()
    number: float = 0.0
    matchers: tuple[tuple[str, str, str], ...] = ()
    by: tuple[str, ...] | None = None
    window: float | None = None

    def walk(self) -> Iterator["Node"]:
        """This step and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass
class _Reader:
    tokens: list[str]
    place: int = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise ValueError(f"expected {wanted or 'more'} at {self.tokens[self.place :]}")
        self.place += 1
        return token

    def level(self, depth: int = 0) -> Node:
        if depth == len(LEVELS):
            return self.primary()
        left = self.level(depth + 1)
        while self.peek() in LEVELS[depth]:
            name = self.take()
            left = Node(kind="both", name=name, parts=(left, self.level(depth + 1)))
        return left

    def primary(self) -> Node:
        word = self.take()
        if word == "(":
            inner = self.level()
            self.take(")")
            return inner
        if re.fullmatch(r"\d+(\.\d+)?", word):
            return Node(kind="number", number=float(word))
        if word == "sum":
            return self.total()
        if word in FUNCTIONS:
            return Node(kind="call", name=word, parts=self.arguments())
        if not re.fullmatch(r"[A-Za-z_][\w:]*", word) or self.peek() == "(":
            raise ValueError(f"{word} is not known here")
        return self.selector(word)

    def total(self) -> Node:
        by = None
        if self.peek() == "by":
            self.take()
            self.take("(")
            by = tuple(self.until(")", self.take))
        return Node(kind="sum", by=by, parts=self.arguments())

    def arguments(self) -> tuple[Node, ...]:
        self.take("(")
        return tuple(self.until(")", self.level))

    def until(self, end: str, read: Callable[[], Any]) -> list[Any]:
        found = []
        while self.peek() != end:
            found.append(read())
            if self.peek() != end:
                self.take(",")
        self.take(end)
        return found

    def matcher(self) -> tuple[str, str, str]:
        return self.take(), self.take(), self.take().strip('"')

    def selector(self, name: str) -> Node:
        matchers: list[tuple[str, str, str]] = []
        if self.peek() == "{":
            self.take()
            matchers = self.until("}", self.matcher)
        window = None
        if self.peek().startswith("["):
            window = _seconds(self.take()[1:-1])
        return Node(kind="selector", name=name, matchers=tuple(matchers), window=window)


def parse(text: str) -> Node:
    """The tree of an expression; ``ValueError`` for what is not understood."""
    tokens, place = [], 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"cannot read {text[place:]!r}")
        tokens.append(found[0].strip())
        place = found.end()
    reader = _Reader(tokens)
    tree = reader.level()
    if reader.peek():
        raise ValueError(f"what is {reader.peek()!r} doing there?")
    return tree


@dataclass
class World:
    """Series by name and labels, each as (seconds, value) in order."""

    series: dict[str, dict[Labels, Points]] = field(default_factory=lambda: defaultdict(dict))
    recorded: Mapping[str, Node] = field(default_factory=dict)

    def add(self, name: str, points: Points, **labels: str) -> None:
        """Put a series in."""
        self.series[name][frozenset(labels.items())] = points

    def at(self, node: Node, now: float) -> Vector | float:
        """What an expression comes to at a time."""
        match node.kind:
            case "number":
                return node.number
            case "selector" if node.name in self.recorded:
                return self.at(self.recorded[node.name], now)
            case "selector":
                found = self._points(node, now, 300)
                return {labels: points[-1][1] for labels, points in found.items()}
            case "call":
                return self._called(node, now)
            case "sum":
                return _summed(self._vector(node.parts[0], now), node.by)
        left, right = (self.at(part, now) for part in node.parts)
        return _both(node.name, left, right)

    def _points(self, node: Node, now: float, window: float) -> dict[Labels, Points]:
        chosen = {
            labels: [point for point in points if now - window < point[0] <= now]
            for labels, points in self.series.get(node.name, {}).items()
            if all(_matches(dict(labels).get(label, ""), sign, value) for label, sign, value in node.matchers)
        }
        return {labels: points for labels, points in chosen.items() if points}

    def _vector(self, node: Node, now: float) -> Vector:
        value = self.at(node, now)
        if not isinstance(value, dict):
            raise TypeError(f"{node} is a number, not a vector")
        return value

    def _called(self, node: Node, now: float) -> Vector:
        inner = node.parts[-1]
        if inner.window is None or node.name not in {"rate", "increase", "max_over_time"}:
            raise ValueError(f"{node.name} cannot be computed here")
        found = self._points(inner, now, inner.window)
        if node.name == "max_over_time":
            return {labels: max(value for _, value in points) for labels, points in found.items()}
        per = inner.window if node.name == "rate" else 1.0
        begun = now - inner.window
        return {labels: _increase(points, begun, now) / per for labels, points in found.items() if len(points) > 1}


def _seconds(text: str) -> float:
    return math.nan if text.startswith("$") else float(text[:-1]) * SECONDS[text[-1]]


def _increase(points: Points, begun: float, ended: float) -> float:
    """As ``extrapolatedRate`` in Prometheus: up to an end that is near, else by half a step; never below zero."""
    pairs = itertools.pairwise(points)
    grown = sum(later - (before if later >= before else 0.0) for (_, before), (_, later) in pairs)
    (first, value), (last, _) = points[0], points[-1]
    step = (last - first) / (len(points) - 1)
    to_start, to_end = (gap if gap < 1.1 * step else step / 2 for gap in (first - begun, ended - last))
    if grown > 0 and value >= 0:
        to_start = min(to_start, (last - first) * value / grown)
    return grown * (last - first + to_start + to_end) / (last - first)


def _matches(value: str, sign: str, wanted: str) -> bool:
    same = bool(re.fullmatch(wanted, value)) if "~" in sign else value == wanted
    return same is not sign.startswith("!")


def _summed(vector: Vector, by: tuple[str, ...] | None) -> Vector:
    total: dict[Labels, float] = defaultdict(float)
    for labels, value in vector.items():
        total[frozenset(pair for pair in labels if pair[0] in (by or ()))] += value
    return dict(total)


def _both(name: str, left: Vector | float, right: Vector | float) -> Vector | float:
    if name in {"and", "or", "unless"}:
        if not isinstance(left, dict) or not isinstance(right, dict):
            raise TypeError(f"{name} stands between vectors")
        if name == "or":
            return right | left
        return {labels: value for labels, value in left.items() if (labels in right) is (name == "and")}
    if not isinstance(left, dict):
        if isinstance(right, dict):
            raise TypeError("a number stands on the left of a vector")
        return ARITHMETIC[name](left, right)
    pairs = {labels: (value, _other(right, labels)) for labels, value in left.items()}
    known = {labels: (mine, other) for labels, (mine, other) in pairs.items() if other is not None}
    if name in COMPARISONS:
        return {labels: mine for labels, (mine, other) in known.items() if COMPARISONS[name](mine, other)}
    return {labels: ARITHMETIC[name](mine, other) for labels, (mine, other) in known.items()}


def _other(right: Vector | float, labels: Labels) -> float | None:
    return right.get(labels) if isinstance(right, dict) else right
