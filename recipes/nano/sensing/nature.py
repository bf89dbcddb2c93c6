"""Recordings of the earth: ground motion, water levels, air pressure, light."""

import numpy as np

from recipes.nano.sensing.concepts import Concept, Instrument, Samples, Signal, Studio, bumps, noise, pulses, wander

__all__ = ["NATURE"]

GROUND = Instrument(
    name="a seismometer",
    channels=("ground velocity east", "ground velocity north", "ground velocity up"),
    units=(("um/s", 1.0, 0.0), ("mm/s", 1e-3, 0.0)),
    seen_rates=(50.0, 40.0),
    other_rates=(45.0, 64.0),
    seconds=60.0,
)
WATER = Instrument(
    name="a water level gauge",
    channels=("water level",),
    units=(("m", 1.0, 0.0), ("cm", 100.0, 0.0), ("ft", 1 / 0.3048, 0.0)),
    seen_rates=(1 / 360, 1 / 600),
    other_rates=(1 / 480, 1 / 300),
    seconds=172_800.0,
)
AIR = Instrument(
    name="a barometer",
    channels=("air pressure",),
    units=(("hPa", 1.0, 0.0), ("Pa", 100.0, 0.0), ("mmHg", 100 / 133.322, 0.0)),
    seen_rates=(1.0, 0.5),
    other_rates=(0.8, 2.0),
    seconds=1800.0,
)
LIGHT = Instrument(
    name="a light sensor",
    channels=("illuminance",),
    units=(("lx", 1.0, 0.0), ("klx", 1e-3, 0.0)),
    seen_rates=(1.0, 0.5),
    other_rates=(0.8, 2.0),
    seconds=1800.0,
)


def _waves(studio: Studio, start: float, rate: float, length: float, height: float) -> Samples:
    """A wave train that comes at a moment and fades, samples x three directions."""
    since = np.maximum(0, studio.t - start)
    shape = height * (since / (0.15 * length)) * np.exp(1 - since / (0.15 * length))
    carriers = np.stack([np.sin(2 * np.pi * studio.near(rate, 0.05) * since + studio.phase) for _ in range(3)], axis=1)
    return np.asarray(shape[:, None] * (carriers + 0.5 * noise(studio, 1.0, 3)))


def _earthquake(studio: Studio) -> Samples:
    start, delay = studio.rng.uniform(5, 15), studio.between(4.0, 12.0)
    first = _waves(studio, start, 6.0, 12.0, studio.near(120.0))
    return first + _waves(studio, start + delay, 2.0, 40.0, studio.near(500.0)) + noise(studio, 1.0, 3)


def _blast(studio: Studio) -> Samples:
    start = studio.rng.uniform(10, 40)
    return _waves(studio, start, studio.between(10.0, 18.0), 2.5, studio.near(300.0)) + noise(studio, 1.0, 3)


def _traffic(studio: Studio) -> Samples:
    passing = bumps(studio, pulses(studio, studio.between(12.0, 6.0), jitter=0.4), 1.2, 12.0)
    rumble = np.sin(2 * np.pi * 13.0 * studio.t)[:, None] + noise(studio, 1.0, 3)
    return passing[:, None] * rumble + noise(studio, 1.0, 3)


def _volcano(studio: Studio) -> Samples:
    swell = studio.near(40.0) * (1 + 0.3 * np.sin(2 * np.pi * studio.t / 25 + studio.phase))
    turns = 2 * np.pi * studio.between(1.2, 1.8) * studio.t
    hum = np.sum([np.sin(turns * part + studio.phase) / part for part in (1, 2, 3)], axis=0)
    return np.asarray(swell[:, None] * (hum[:, None] + noise(studio, 0.3, 3)))


def _quiet_ground(studio: Studio) -> Samples:
    sea = np.sin(2 * np.pi * studio.between(0.12, 0.2) * studio.t + studio.phase)
    return 1.5 * sea[:, None] + noise(studio, 0.4, 3)


def _footsteps(studio: Studio) -> Samples:
    hits = bumps(studio, pulses(studio, studio.between(0.75, 0.5), jitter=0.03), 0.03, studio.near(30.0))
    return hits[:, None] * noise(studio, 1.0, 3) + noise(studio, 0.8, 3)


def _tide(hours: float, height: float) -> Signal:
    def signal(studio: Studio) -> Samples:
        moon = np.sin(2 * np.pi * studio.t / (hours * 3600) + studio.phase)
        sun = 0.3 * np.sin(4 * np.pi * studio.t / (24.84 * 3600) + studio.phase)
        return (3.0 + studio.near(height) * studio.between(0.6, 1.4) * (moon + sun))[:, None] + noise(studio, 0.02)

    return signal


def _surge(studio: Studio) -> Samples:
    start = studio.t[-1] * studio.rng.uniform(0.35, 0.6)
    high = bumps(studio, np.array([start]), studio.between(4.0, 8.0) * 3600, studio.near(2.6))
    return (3.0 + high + 0.6 * np.sin(2 * np.pi * studio.t / 44_712 + studio.phase))[:, None] + noise(studio, 0.08)


def _flood(studio: Studio) -> Samples:
    since = np.maximum(0, studio.t - studio.t[-1] * studio.rng.uniform(0.15, 0.4))
    rise = 3.5 * (1 - np.exp(-since / (studio.between(3, 7) * 3600))) * np.exp(-since / 200_000)
    return np.asarray((1.2 + rise)[:, None] + noise(studio, 0.02))


def _tsunami(studio: Studio) -> Samples:
    since = np.maximum(0, studio.t - studio.t[-1] * studio.rng.uniform(0.3, 0.6))
    train = np.sin(2 * np.pi * since / (studio.between(0.4, 0.9) * 3600)) * np.exp(-since / 20_000) * (since > 0)
    return np.asarray(
        (3.0 + studio.near(2.2) * train + 0.5 * np.sin(2 * np.pi * studio.t / 44_712))[:, None] + noise(studio, 0.02)
    )


def _drought(studio: Studio) -> Samples:
    return np.asarray((0.9 - studio.between(0.1, 0.3) * studio.t / studio.t[-1])[:, None] + noise(studio, 0.005))


def _level(base: float, change: Signal) -> Signal:
    return lambda studio: base + studio.near(4.0, 0.5) + change(studio)


def _lift(studio: Studio) -> Samples:
    floors = np.zeros_like(studio.t)
    for start in pulses(studio, studio.between(200.0, 90.0), jitter=0.4):
        floors += studio.rng.uniform(-4, 4) / (1 + np.exp(-np.clip((studio.t - start) / 4.0, -40, 40)))
    return floors[:, None] + noise(studio, 0.03)


def _storm(studio: Studio) -> Samples:
    drop = -studio.between(4.0, 9.0) * (studio.t / studio.t[-1]) ** 1.5
    return np.asarray(drop[:, None] + wander(studio, 0.8) + noise(studio, 0.2))


def _calm(studio: Studio) -> Samples:
    return wander(studio, 0.15) + noise(studio, 0.02)


def _flight(studio: Studio) -> Samples:
    climb = np.clip((studio.t - studio.rng.uniform(100, 500)) / studio.between(600, 1000), 0, 1)
    return (-250.0 * climb)[:, None] + noise(studio, 0.1)


def _sunrise(studio: Studio) -> Samples:
    return (np.exp(np.linspace(0.5, studio.between(7.0, 9.5), len(studio.t))))[:, None] * (1 + noise(studio, 0.01))


def _clouds(studio: Studio) -> Samples:
    shade = np.clip(bumps(studio, pulses(studio, studio.between(240, 120), jitter=0.5), 25.0), 0, 1)
    return (studio.near(65_000.0) * (1 - 0.75 * shade))[:, None] * (1 + noise(studio, 0.01))


def _lamp(studio: Studio) -> Samples:
    on = np.cumsum(bumps(studio, pulses(studio, studio.between(500, 250), jitter=0.3), 0.3)[:, None] > 0.6, axis=0) // 2
    return np.where(on % 2 == 1, studio.near(320.0), 2.0) + noise(studio, 0.5)


def _lightning(studio: Studio) -> Samples:
    flashes = bumps(studio, pulses(studio, studio.between(160, 60), jitter=0.6), 0.8, studio.near(3000.0))
    return (12.0 + flashes)[:, None] + noise(studio, 0.5)


def _of(instrument: Instrument, signal: Signal, key: str, *words: str) -> Concept:
    return Concept(key=key, words=words, instrument=instrument, signal=signal)


NATURE = (
    _of(GROUND, _earthquake, "earthquake", "an earthquake", "seismic waves of a quake", "the ground shaking far away"),
    _of(GROUND, _blast, "blast", "a quarry blast", "an explosion in a mine", "dynamite going off"),
    _of(GROUND, _traffic, "traffic", "road traffic", "trucks passing by", "a busy street felt in the ground"),
    _of(GROUND, _volcano, "volcano", "volcanic tremor", "a volcano before it erupts", "magma moving underground"),
    _of(
        GROUND, _quiet_ground, "quiet ground", "quiet ground", "the hum of the sea in the earth", "no earthquake at all"
    ),
    _of(GROUND, _footsteps, "footsteps", "footsteps on the ground", "someone walking past", "an intruder's steps"),
    _of(WATER, _tide(12.42, 1.6), "tides", "ocean tides", "two high tides a day", "ebb and flow at the coast"),
    _of(
        WATER, _tide(24.84, 0.8), "daily tide", "one high tide a day", "a diurnal tide", "a tide that comes once daily"
    ),
    _of(WATER, _surge, "surge", "a storm surge", "the sea pushed up by a hurricane", "coastal flooding in a storm"),
    _of(WATER, _flood, "flood", "a river in flood", "high water after heavy rain", "a swollen stream"),
    _of(WATER, _tsunami, "tsunami", "a tsunami", "tsunami waves in a harbour", "giant waves after an undersea quake"),
    _of(WATER, _drought, "drought", "a falling reservoir", "drought, water getting low", "a lake drying up"),
    _of(AIR, _level(1000.0, _lift), "lift", "riding a lift", "an elevator going up and down", "moving between floors"),
    _of(AIR, _level(1000.0, _storm), "front", "an approaching storm", "falling air pressure", "bad weather coming"),
    _of(AIR, _level(1015.0, _calm), "calm", "calm, fair weather", "steady air pressure", "settled weather"),
    _of(
        AIR,
        _level(1005.0, _flight),
        "take-off",
        "an aircraft climbing",
        "cabin pressure after take-off",
        "a plane rising",
    ),
    _of(LIGHT, _sunrise, "sunrise", "sunrise", "dawn, it gets light", "the beginning of the day"),
    _of(LIGHT, _clouds, "clouds", "clouds passing the sun", "sun and clouds", "a partly cloudy noon"),
    _of(LIGHT, _lamp, "lamp", "a lamp switched on and off", "room light", "someone using the light switch"),
    _of(
        LIGHT, _lightning, "lightning", "lightning at night", "flashes of a thunderstorm", "a thunderstorm in the dark"
    ),
)
