"""A line chart as SVG, written by hand: every direction against alpha, for a person who would rather look than read."""

from dataclasses import dataclass
from html import escape
from typing import final

__all__ = ["Chart", "Line"]

WIDTH, HEIGHT = 860, 480
LEFT, RIGHT, TOP, BOTTOM = 64, 280, 44, 52
COLOURS = ("#3b5bdb", "#e8590c", "#2b8a3e", "#c2255c", "#6741d9", "#0b7285", "#a61e4d", "#5c940d", "#495057", "#f08c00")
TICKS = 5
LEGEND_STEP = 19


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series: a value for each place on the chart's axis. ``solid`` lines may change, dashed ones are guarded."""

    name: str
    values: tuple[float, ...]
    solid: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over one axis; ``mark`` is a place on it that was chosen. Values lie between 0 and 1."""

    title: str
    across: str
    up: str
    places: tuple[float, ...]
    lines: tuple[Line, ...]
    mark: float | None = None

    def to_svg(self) -> str:
        """The picture, with a legend, readable without any script or font from elsewhere."""
        top = max([0.05, *(value for line in self.lines for value in line.values)])
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{escape(self.title)}</title>",
            "<style>text { font: 13px sans-serif }</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            _text(LEFT, TOP - 18, self.title),
            *self._axes(top),
        ]
        if self.mark is not None:
            at = self._x(self.mark)
            parts.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#868e96" stroke-dasharray="2 4"/>')
            parts.append(_text(at + 4, TOP + 10, "chosen", colour="#495057"))
        for place, line in enumerate(self.lines):
            parts += self._line(line, place, top)
        return "\n".join([*parts, "</svg>"]) + "\n"

    def _x(self, place: float) -> float:
        low, high = min(self.places), max(self.places)
        return LEFT + (WIDTH - LEFT - RIGHT) * ((place - low) / (high - low) if high > low else 0.5)

    def _line(self, line: Line, place: int, top: float) -> list[str]:
        colour = COLOURS[place % len(COLOURS)]
        dashes = "" if line.solid else ' stroke-dasharray="6 4"'
        points = " ".join(
            f"{self._x(at):.1f},{_y(value, top):.1f}" for at, value in zip(self.places, line.values, strict=True)
        )
        row = TOP + 10 + place * LEGEND_STEP
        beside = WIDTH - RIGHT + 18
        return [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>',
            f'<path d="M{beside} {row}h26" stroke="{colour}" stroke-width="2"{dashes}/>',
            _text(beside + 32, row + 4, line.name),
        ]

    def _axes(self, top: float) -> list[str]:
        foot, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = []
        for tick in range(TICKS + 1):
            value = top * tick / TICKS
            at = _y(value, top)
            parts.append(f'<path d="M{LEFT} {at:.1f}H{right}" stroke="#dee2e6"/>')
            parts.append(_text(LEFT - 8, at + 4, f"{value:.2f}", anchor="end"))
        parts += [_text(self._x(place), foot + 18, f"{place:g}", anchor="middle") for place in self.places]
        parts.append(_text((LEFT + right) / 2, foot + 40, self.across, anchor="middle"))
        parts.append(
            f'<text x="16" y="{(TOP + foot) / 2}" transform="rotate(-90 16 {(TOP + foot) / 2})" '
            f'text-anchor="middle">{escape(self.up)}</text>'
        )
        return parts


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _text(x: float, y: float, words: str, **how: str) -> str:
    names = {"anchor": "text-anchor", "colour": "fill"}
    attributes = "".join(f' {names[name]}="{value}"' for name, value in how.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(words)}</text>'
