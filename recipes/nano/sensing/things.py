"""Recordings of machines and houses: vibration of motors, temperatures, electric power."""

import numpy as np

from recipes.nano.sensing.concepts import Concept, Instrument, Samples, Signal, Studio, bumps, noise, pulses, wander

__all__ = ["THINGS"]

MACHINE = Instrument(
    name="a vibration sensor on a machine",
    channels=("vibration",),
    units=(("m/s^2", 1.0, 0.0), ("g", 1 / 9.80665, 0.0)),
    seen_rates=(2000.0, 4000.0),
    other_rates=(2500.0, 3200.0),
    seconds=4.0,
)
THERMOMETER = Instrument(
    name="a thermometer",
    channels=("temperature",),
    units=(("degC", 1.0, 0.0), ("degF", 1.8, 32.0), ("K", 1.0, 273.15)),
    seen_rates=(1 / 60, 1 / 120),
    other_rates=(1 / 90, 1 / 45),
    seconds=86_400.0,
)
METER = Instrument(
    name="an electricity meter",
    channels=("power",),
    units=(("W", 1.0, 0.0), ("kW", 1e-3, 0.0)),
    seen_rates=(1 / 10, 1 / 20),
    other_rates=(1 / 12, 1 / 15),
    seconds=7200.0,
)
HOUR = 3600.0


def _motor(multiples: dict[float, float], *, hits: float = 0.0, grain: float = 0.05, swell: float = 0.0) -> Signal:
    """A shaft's turning and its multiples; ``hits`` are a bearing's, 3.6 a turn, ringing at some 600 hertz."""

    def signal(studio: Studio) -> Samples:
        turn = studio.between(18.0, 48.0)
        beat = 2 * np.pi * turn * studio.t
        sound = np.zeros_like(studio.t)
        for times, height in multiples.items():
            sound += studio.near(height) * np.sin(times * beat + studio.phase)
        if hits:
            ring = np.zeros_like(sound)
            places = np.searchsorted(studio.t, pulses(studio, 1 / (3.6 * turn), jitter=0.02))
            ring[places[places < len(ring)]] = studio.near(hits)
            decay = np.exp(-studio.t[:400] * 250) * np.sin(2 * np.pi * 600 * studio.t[:400])
            sound += np.convolve(ring, decay)[: len(ring)]
        sound *= 1 + swell * np.sin(beat / 7)
        return sound[:, None] + noise(studio, grain)

    return signal


def _stopped(studio: Studio) -> Samples:
    return noise(studio, studio.between(0.004, 0.01))


def _cavitating(studio: Studio) -> Samples:
    bursts = 0.4 + (noise(studio, 1.0)[:, 0] > 2.0) * studio.near(4.0)
    turn = 0.3 * np.sin(2 * np.pi * studio.between(20, 50) * studio.t)
    return turn[:, None] + bursts[:, None] * noise(studio, 1.0)


def _switched(period: tuple[float, float], middle: float, swing: float) -> Signal:
    """What a thermostat does: up and down between two limits."""

    def signal(studio: Studio) -> Samples:
        share = (studio.t / (studio.between(*period) * HOUR) + studio.phase) % 1
        saw = np.where(share < 0.35, share / 0.35, (1 - share) / 0.65)
        return (studio.near(middle, 0.05) + swing * (saw - 0.5))[:, None] + noise(studio, 0.03 * swing)

    return signal


def _day(studio: Studio) -> Samples:
    warm = studio.between(8.0, 24.0) + studio.near(6.0) * np.sin(2 * np.pi * (studio.t / 86_400 - 0.38))
    return warm[:, None] + wander(studio, 1.0) + noise(studio, 0.1)


def _frost(studio: Studio) -> Samples:
    cold = -studio.between(6.0, 18.0) + 2.0 * np.sin(2 * np.pi * (studio.t / 86_400 - 0.38))
    return cold[:, None] + wander(studio, 1.5) + noise(studio, 0.1)


def _jump(before: float, after: float, hours: float) -> Signal:
    """Steady, then on its way to another level from some moment on."""

    def signal(studio: Studio) -> Samples:
        start = studio.t[-1] * studio.rng.uniform(0.25, 0.55)
        share = 1 - np.exp(-np.maximum(0, studio.t - start) / (studio.between(0.6, 1.6) * hours * HOUR))
        return np.asarray((studio.near(before, 0.05) + (after - before) * share)[:, None] + noise(studio, 0.1))

    return signal


def _baking(studio: Studio) -> Samples:
    starts = pulses(studio, studio.between(5.0, 9.0) * HOUR, jitter=0.1)
    heat = sum(_plateau(studio, start, 1.2 * HOUR, 600.0) for start in starts)
    return (21.0 + studio.near(185.0) * np.minimum(heat, 1.0))[:, None] + noise(studio, 1.0)


def _plateau(studio: Studio, start: float, seconds: float, slope: float) -> Samples:
    rise, decline = (studio.t - start) / slope, (studio.t - start - seconds) / slope
    return np.asarray(1 / (1 + np.exp(-np.clip(rise, -40, 40))) - 1 / (1 + np.exp(-np.clip(decline / 3, -40, 40))))


def _loads(spans: tuple[float, float], gap: float, watts: float, *, ripple: float = 0.01) -> Signal:
    """An appliance that is switched on for so many seconds every ``gap`` seconds."""

    def signal(studio: Studio) -> Samples:
        used = np.zeros_like(studio.t)
        for start in pulses(studio, gap, jitter=0.15):
            used[(studio.t >= start) & (studio.t < start + studio.between(*spans))] = 1
        wave = used * studio.near(watts) * (1 + ripple * studio.rng.standard_normal(len(used)))
        return (2.0 + np.abs(wave))[:, None] + noise(studio, 0.3)

    return signal


def _washing(studio: Studio) -> Samples:
    cycle = (studio.t / 5400 + studio.phase / 7) % 1
    heating, spin = 2000.0 * (cycle < 0.25), 500.0 * (cycle > 0.85)
    drum = 180 * ((studio.t / studio.between(30, 60)) % 1 < 0.6) * (cycle > 0.2)
    return np.asarray((3.0 + heating + spin + drum)[:, None] + noise(studio, 8.0))


def _panels(studio: Studio) -> Samples:
    clouds = 1 - 0.7 * np.clip(bumps(studio, pulses(studio, studio.between(900, 2000), jitter=0.5), 120.0), 0, 1)
    arch = 0.7 + 0.3 * np.sin(np.pi * studio.t / studio.t[-1])
    return np.asarray((studio.near(3200.0) * arch * clouds)[:, None] + noise(studio, 15.0))


def _of(instrument: Instrument, signal: Signal, key: str, *words: str) -> Concept:
    return Concept(key=key, words=words, instrument=instrument, signal=signal)


THINGS = (
    _of(
        *(MACHINE, _motor({1: 0.4, 2: 0.1}), "healthy motor", "an electric motor running smoothly"),
        *("normal vibration of a motor", "a machine in good order"),
    ),
    _of(
        *(MACHINE, _motor({1: 4.0, 2: 0.2}), "unbalance", "an unbalanced rotor", "imbalance of a shaft"),
        "a fan with a missing blade",
    ),
    _of(
        *(MACHINE, _motor({1: 0.8, 2: 2.8, 3: 0.9}), "misalignment", "a misaligned shaft"),
        *("misalignment of a coupling", "a motor and pump not in line"),
    ),
    _of(
        *(MACHINE, _motor({1: 0.4}, hits=18.0), "bearing", "a damaged bearing", "a bearing fault"),
        "a worn ball bearing that knocks",
    ),
    _of(
        *(MACHINE, _motor({1: 0.5, 17: 1.6, 34: 0.6}, swell=0.7), "gears", "worn gears", "a broken gear tooth"),
        "a gearbox that whines",
    ),
    _of(
        *(MACHINE, _motor({0.5: 1.4, 1: 1.8, 1.5: 1.2, 2.5: 0.8, 3: 0.7}), "loose", "a loose mounting"),
        *("looseness of a machine's foot", "a motor with loose bolts"),
    ),
    _of(MACHINE, _stopped, "stopped", "a machine that stands still", "a motor switched off", "an idle engine"),
    _of(MACHINE, _cavitating, "cavitation", "a cavitating pump", "cavitation in a pump", "bubbles bursting in a pump"),
    _of(
        *(THERMOMETER, _switched((0.5, 1.0), 4.5, 3.0), "fridge", "a refrigerator cooling"),
        *("the temperature inside a fridge", "cold storage of food"),
    ),
    _of(
        *(THERMOMETER, _switched((0.6, 1.2), -18.0, 3.0), "freezer", "a freezer", "the temperature of frozen food"),
        "a deep freeze cabinet",
    ),
    _of(
        *(THERMOMETER, _switched((1.5, 3.0), 21.0, 1.5), "heating", "a heated living room"),
        *("a room with a thermostat", "the radiator keeping a home warm"),
    ),
    _of(THERMOMETER, _day, "day outside", "outdoor air from night to day", "a mild day outdoors", "spring weather"),
    _of(THERMOMETER, _frost, "frost", "a freezing winter day", "frost outdoors", "icy weather below zero"),
    _of(THERMOMETER, _baking, "oven", "an oven baking bread", "the temperature of an oven", "roasting in a hot stove"),
    _of(
        *(THERMOMETER, _jump(4.0, 19.0, 3.0), "door left open", "a fridge door left open"),
        *("a refrigerator that warms up", "a broken cooling chain, milk going bad"),
    ),
    _of(
        *(THERMOMETER, _jump(23.0, 46.0, 1.0), "server room", "a server room that overheats"),
        *("failed cooling of computers", "a data centre whose air conditioning broke"),
    ),
    _of(METER, _loads((120, 240), 1800.0, 2100.0), "kettle", "an electric kettle", "boiling water", "making tea"),
    _of(
        *(METER, _loads((600, 900), 2200.0, 95.0, ripple=0.03), "compressor", "a refrigerator's power"),
        *("the fridge compressor switching on", "a household cooler drawing current"),
    ),
    _of(METER, _washing, "washing machine", "a washing machine", "a laundry cycle", "clothes being washed"),
    _of(METER, _panels, "solar", "solar panels", "photovoltaic power under clouds", "electricity from the sun"),
    _of(
        METER,
        _loads((7000, 7200), 7200.0, 7400.0),
        "charging",
        "an electric car charging",
        "a charger",
        "filling an EV",
    ),
    _of(METER, _loads((1, 2), 5000.0, 5.0), "standby", "standby power", "an appliance on standby", "a television off"),
)
