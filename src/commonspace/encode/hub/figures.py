"""What others have published of a checkpoint's quality: a figure is nothing without its protocol and its source."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, final

import orjson

__all__ = ["Figure", "figures_of"]

FILE: Final = Path(__file__).with_name("figures.json")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published figure, in percent; higher is better."""

    measure: str
    value: float
    protocol: str
    source: str


def figures_of(name: str) -> tuple[Figure, ...]:
    """The figures known of a checkpoint by its name on the hub; none for most."""
    return _known().get(name.lower(), ())


@cache
def _known() -> dict[str, tuple[Figure, ...]]:
    return {
        name.lower(): tuple(Figure(**each) for each in model["figures"])
        for model in orjson.loads(FILE.read_bytes())["models"]
        for name in model["names"]
    }
