"""Plots as inline SVG, each with a label for those who do not see it; the figures stand in tables beside them."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10
from typing import Final

__all__ = ["bars", "lines"]

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 44
STYLES: Final = (("#0b5fa5", ""), ("#b3450e", "6 3"), ("#2c7a3f", "2 3"), ("#7a2c73", "8 3 2 3"), ("#555555", "1 2"))
"""A colour and a dash each, so that lines differ without colour too."""

Point = tuple[float, float]


def lines(label: str, series: Mapping[str, Sequence[Point]], x_ticks: Mapping[float, str], unit: str) -> str:
    """Lines through points; x is as given, y goes from zero to the largest."""
    points = [point for each in series.values() for point in each]
    if not points:
        return ""
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    step, high_y = _steps(max(y for _, y in points))

    def place(point: Point) -> Point:
        across = (point[0] - low_x) / ((high_x - low_x) or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - point[1] / high_y * (HEIGHT - TOP - BOTTOM)

    drawn = _grid(step, high_y, unit)
    for x, text in x_ticks.items():
        if low_x <= x <= high_x:
            drawn.append(
                f'<text x="{place((x, 0))[0]:.1f}" y="{HEIGHT - 26}" text-anchor="middle">{escape(text)}</text>'
            )
    for number, (name, each) in enumerate(series.items()):
        colour, dash = STYLES[number % len(STYLES)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, each))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-dasharray="{dash}"/>')
        drawn.append(_key(number, name, colour, dash))
    return _svg(label, drawn)


def bars(label: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """One bar a group, its parts on top of one another."""
    if not groups:
        return ""
    step, high = _steps(max(sum(parts.values()) for parts in groups.values()))
    drawn = _grid(step, high, unit)
    names = list(dict.fromkeys(name for parts in groups.values() for name in parts))
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    for place, (group, parts) in enumerate(groups.items()):
        x, bottom = LEFT + room * (place + 0.25), float(HEIGHT - BOTTOM)
        for name, value in parts.items():
            tall = value / high * (HEIGHT - TOP - BOTTOM)
            bottom -= tall
            colour = STYLES[names.index(name) % len(STYLES)][0]
            drawn.append(
                f'<rect x="{x:.1f}" y="{bottom:.1f}" width="{room / 2:.1f}" height="{tall:.1f}" fill="{colour}"/>'
            )
        middle = x + room / 4
        drawn.append(f'<text x="{middle:.1f}" y="{HEIGHT - 26}" text-anchor="middle">{escape(group)}</text>')
    drawn += [_key(number, name, STYLES[number % len(STYLES)][0], "") for number, name in enumerate(names)]
    return _svg(label, drawn)


def _grid(step: float, high: float, unit: str) -> list[str]:
    drawn = []
    for number in range(round(high / step) + 1):
        y = HEIGHT - BOTTOM - number * step / high * (HEIGHT - TOP - BOTTOM)
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#cccccc"/>')
        words = f"{number * step:g} {unit}".strip()
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(words)}</text>')
    return drawn


def _key(number: int, name: str, colour: str, dash: str) -> str:
    x = LEFT + number * 112
    return (
        f'<line x1="{x}" x2="{x + 20}" y1="{HEIGHT - 8}" y2="{HEIGHT - 8}" stroke="{colour}" stroke-width="4"'
        f' stroke-dasharray="{dash}"/><text x="{x + 26}" y="{HEIGHT - 4}">{escape(name)}</text>'
    )


def _steps(highest: float) -> tuple[float, float]:
    """A round step, and the first multiple of it that is not below the highest value."""
    if not highest > 0:
        return 1.0, 1.0
    power = 10.0 ** ceil(log10(highest) - 1)
    step = next(power * each for each in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if highest / (power * each) <= 5)
    return step, step * ceil(highest / step - 1e-9)


def _svg(label: str, drawn: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(label, quote=True)}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<title>{escape(label)}</title>{''.join(drawn)}</svg>"
    )
