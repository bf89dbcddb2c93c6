"""Units of measurement: what quantity a unit measures, and how its numbers become those of one common unit.

Common units are those of the SI, but degrees Celsius for temperatures. A unit that is not in the table is kept as it is
named: its numbers are not converted, and nothing is assumed of what they measure.
"""

from dataclasses import dataclass
from math import pi
from typing import Final, final

__all__ = ["OTHER", "QUANTITIES", "READ_AS", "Unit", "unit_of"]

OTHER: Final = "other"
"""The quantity of what is measured in a unit that is not in the table."""
_G, _DEGREE, _TURN = 9.80665, pi / 180, 2 * pi

_TABLE: Final[dict[str, dict[str, float | tuple[float, float]]]] = {
    "acceleration": {"m/s^2": 1.0, "m/s2": 1.0, "m/s²": 1.0, "g": _G, "mg": _G / 1000, "ft/s^2": 0.3048, "gal": 0.01},
    "angular velocity": {"rad/s": 1.0, "deg/s": _DEGREE, "°/s": _DEGREE, "dps": _DEGREE, "rpm": _TURN / 60},
    "magnetic field": {"T": 1.0, "mT": 1e-3, "uT": 1e-6, "µT": 1e-6, "nT": 1e-9, "gauss": 1e-4},
    "temperature": {
        **dict.fromkeys(("°C", "degC", "C", "celsius"), 1.0),
        **dict.fromkeys(("K", "kelvin"), (1.0, -273.15)),
        **dict.fromkeys(("°F", "degF", "F", "fahrenheit"), (5 / 9, -160 / 9)),
    },
    "voltage": {"V": 1.0, "kV": 1e3, "mV": 1e-3, "uV": 1e-6, "µV": 1e-6},
    "current": {"A": 1.0, "mA": 1e-3, "uA": 1e-6, "µA": 1e-6},
    "power": {"W": 1.0, "kW": 1e3, "MW": 1e6, "mW": 1e-3, "hp": 745.69987},
    "pressure": {"Pa": 1.0, "hPa": 100.0, "kPa": 1e3, "mbar": 100.0, "bar": 1e5, "psi": 6894.757, "mmHg": 133.322},
    "length": {"m": 1.0, "km": 1e3, "cm": 0.01, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "ft": 0.3048, "in": 0.0254},
    "speed": {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 0.514444, "mm/s": 1e-3, "um/s": 1e-6, "µm/s": 1e-6},
    "flow": {"m^3/s": 1.0, "L/s": 1e-3, "l/s": 1e-3, "L/min": 1e-3 / 60, "l/min": 1e-3 / 60},
    "frequency": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "bpm": 1 / 60, "1/min": 1 / 60},
    "mass": {"kg": 1.0, "gram": 1e-3, "lb": 0.45359237},
    "force": {"N": 1.0, "kN": 1e3, "lbf": 4.448222},
    "torque": {"N m": 1.0, "Nm": 1.0},
    "angle": {"rad": 1.0, "deg": _DEGREE, "°": _DEGREE},
    "light": {"lx": 1.0, "lux": 1.0, "klx": 1e3},
    "loudness": {"dB": 1.0, "dBA": 1.0, "dB(A)": 1.0},
    "concentration": {"ppm": 1.0, "ppb": 1e-3},
    "ratio": {"1": 1.0, "%": 0.01, "percent": 0.01},
}
QUANTITIES: Final = (*_TABLE, OTHER)
READ_AS: Final = {
    "g": "standard gravity, not as grams",
    "C": "degrees Celsius, not as coulombs",
    "F": "degrees Fahrenheit, not as farads",
}
"""Names that two units share, and which of them is meant here."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a unit measures; ``number * scale + offset`` is the number in the quantity's common unit."""

    quantity: str
    scale: float = 1.0
    offset: float = 0.0


def _unit(quantity: str, factor: float | tuple[float, float]) -> Unit:
    scale, offset = factor if isinstance(factor, tuple) else (factor, 0.0)
    return Unit(quantity=quantity, scale=scale, offset=offset)


_KNOWN: Final = {name: _unit(quantity, each) for quantity, names in _TABLE.items() for name, each in names.items()}


def unit_of(name: str) -> Unit | None:
    """The unit of that name, letter case included (``mW`` is not ``MW``); None where the table does not have it."""
    return _KNOWN.get(name.strip().replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}"))
