"""Recordings of people: movement on a worn accelerometer, the heart's voltage, breath."""

import numpy as np

from recipes.nano.sensing.concepts import Concept, Instrument, Samples, Signal, Studio, bumps, noise, pulses, wander

__all__ = ["BODIES"]

GRAVITY = 9.81
WORN = Instrument(
    name="a worn accelerometer",
    channels=("acceleration x", "acceleration y", "acceleration z"),
    units=(("m/s^2", 1.0, 0.0), ("g", 1 / 9.80665, 0.0), ("mg", 1000 / 9.80665, 0.0)),
    seen_rates=(50.0, 100.0),
    other_rates=(64.0, 80.0),
    seconds=40.0,
    shortest=0.2,
)
HEART = Instrument(
    name="an electrocardiograph",
    channels=("ECG lead II",),
    units=(("mV", 1.0, 0.0), ("uV", 1000.0, 0.0)),
    seen_rates=(250.0, 360.0),
    other_rates=(300.0, 500.0),
    seconds=10.0,
)
BREATH = Instrument(
    name="a breathing monitor",
    channels=("air flow",),
    units=(("L/s", 1.0, 0.0), ("L/min", 60.0, 0.0)),
    seen_rates=(25.0, 50.0),
    other_rates=(32.0, 40.0),
    seconds=60.0,
)


def _turned(studio: Studio, upward: Samples, sideward: Samples, forward: Samples) -> Samples:
    """The body's axes on a sensor fastened at some angle, gravity included."""
    axes, _ = np.linalg.qr(studio.rng.standard_normal((3, 3)))
    return np.asarray(np.stack([sideward, forward, upward + GRAVITY], axis=1) @ axes + noise(studio, 0.08, 3))


def _steps(rate: tuple[float, float], lift: float, sharpness: float) -> Signal:
    def signal(studio: Studio) -> Samples:
        beat = 2 * np.pi * studio.between(*rate) * studio.t + studio.phase
        height = studio.near(lift)
        upward = height * np.sin(beat) + height * sharpness * np.maximum(0, np.sin(beat + 0.6)) ** 6
        return _turned(studio, upward, 0.4 * height * np.sin(beat / 2), 0.5 * height * np.sin(beat + 1.2))

    return signal


def _still(studio: Studio) -> Samples:
    quiet = 0.05 * np.sin(2 * np.pi * studio.between(0.2, 0.4) * studio.t)
    return _turned(studio, quiet, quiet / 2, quiet / 3)


def _fall(studio: Studio) -> Samples:
    start, landing = 4.0 + studio.rng.uniform(-1, 1), studio.between(0.4, 0.8)
    since = studio.t - start
    weightless = -8.5 * ((since > 0) & (since < landing))
    hit = studio.near(35.0) * np.exp(-((since - landing - 0.05) ** 2) / 0.002)
    before = 0.3 * np.sin(2 * np.pi * 1.2 * studio.t) * (since < 0)
    return _turned(studio, weightless + hit + before, hit * 0.4, before + hit * 0.6)


def _jumps(studio: Studio) -> Samples:
    times = pulses(studio, studio.between(2.0, 0.9), jitter=0.05)
    upward = bumps(studio, times, 0.06, studio.near(22.0)) - bumps(studio, times - 0.25, 0.12, 8.0)
    return _turned(studio, upward, noise(studio, 0.2)[:, 0], noise(studio, 0.3)[:, 0])


def _waving(studio: Studio) -> Samples:
    beat = 2 * np.pi * studio.between(1.5, 3.0) * studio.t
    strength = studio.near(7.0)
    return _turned(studio, 0.8 * np.cos(2 * beat), strength * np.sin(beat), 0.5 * np.sin(beat))


def _riding(studio: Studio) -> Samples:
    road = noise(studio, studio.between(0.5, 1.2))[:, 0]
    rumble = 0.4 * np.sin(2 * np.pi * studio.between(11, 17) * studio.t)
    return _turned(studio, road + rumble, 0.6 * wander(studio, 1.5)[:, 0], wander(studio, 2.0)[:, 0])


def _tremor(studio: Studio) -> Samples:
    beat = 2 * np.pi * studio.between(4.2, 6.0) * studio.t
    swell = 1 + 0.4 * np.sin(2 * np.pi * 0.2 * studio.t + studio.phase)
    return _turned(studio, 0.5 * swell * np.sin(beat), 1.2 * swell * np.sin(beat + 0.4), 0.3 * swell * np.cos(beat))


def _heart(rate: tuple[float, float], *, jitter: float = 0.02, atria: float = 0.12, early: float = 0.0) -> Signal:
    def signal(studio: Studio) -> Samples:
        period = 60 / studio.between(*rate)
        times = pulses(studio, period, jitter=jitter)
        odd = studio.rng.random(len(times)) < early
        times = times - odd * 0.35 * period
        beat = bumps(studio, times, 0.012, np.where(odd, 0.3, 1.1)) - bumps(studio, times + 0.03, 0.012, 0.25)
        beat += bumps(studio, times[odd], 0.05, 1.6) - bumps(studio, times[odd] + 0.2, 0.07, 0.6)
        beat += bumps(studio, times - 0.16, 0.025, atria) + bumps(studio, times + 0.28 * period**0.5, 0.05, 0.3)
        flutter = 0.0 if atria else 0.08 * np.sin(2 * np.pi * 6.5 * studio.t + 2 * np.sin(3 * studio.t))
        return (studio.near(1.0) * beat + flutter)[:, None] + noise(studio, 0.02) + wander(studio, 0.1)

    return signal


def _no_beat(studio: Studio) -> Samples:
    return noise(studio, 0.015) + wander(studio, 0.1)


def _quivering(studio: Studio) -> Samples:
    rate = studio.between(4.0, 6.5) * (1 + 0.15 * wander(studio, 1.0)[:, 0])
    return np.asarray(
        (0.5 * np.sin(2 * np.pi * np.cumsum(rate) * (studio.t[1] - studio.t[0])))[:, None] + noise(studio, 0.05)
    )


def _breathing(rate: tuple[float, float], depth: float, *, pauses: bool = False, coughs: bool = False) -> Signal:
    def signal(studio: Studio) -> Samples:
        beat = 2 * np.pi * studio.between(*rate) / 60 * studio.t + studio.phase
        flow = studio.near(depth) * np.sin(beat)
        if pauses:
            flow *= np.sin(2 * np.pi * studio.t / studio.near(28.0) + studio.phase) > -0.1
        if coughs:
            times = pulses(studio, 9.0, jitter=0.4)
            flow += bumps(studio, times, 0.12, 3.0) - bumps(studio, times + 0.5, 0.3, 1.0)
        return flow[:, None] + noise(studio, 0.03)

    return signal


def _of(instrument: Instrument, signal: Signal, key: str, *words: str) -> Concept:
    return Concept(key=key, words=words, instrument=instrument, signal=signal)


BODIES = (
    _of(
        WORN, _steps((1.5, 2.1), 2.2, 0.6), "walking", "a person walking", "walking at an even step", "someone on foot"
    ),
    _of(WORN, _steps((2.5, 3.3), 8.0, 1.2), "running", "a person running", "jogging outdoors", "a runner's strides"),
    _of(WORN, _steps((1.1, 1.5), 3.4, 1.6), "stairs", "climbing stairs", "going up a staircase", "walking upstairs"),
    _of(WORN, _still, "resting", "a person sitting still", "resting without movement", "someone lying down quietly"),
    _of(WORN, _fall, "fall", "a person falling", "a fall to the floor", "an old man's fall at home"),
    _of(WORN, _jumps, "jumping", "jumping up and down", "jumping jacks", "someone hopping"),
    _of(WORN, _waving, "waving", "waving a hand", "a hand waving goodbye", "greeting with a wave"),
    _of(WORN, _riding, "car ride", "riding in a car", "a drive on a road", "a passenger in a moving vehicle"),
    _of(WORN, _tremor, "tremor", "a trembling hand", "tremor at rest", "shaking hands of Parkinson's disease"),
    _of(HEART, _heart((62, 85)), "heart", "a normal heartbeat", "regular heart rhythm", "a healthy electrocardiogram"),
    _of(HEART, _heart((120, 165)), "tachycardia", "a racing heart", "tachycardia", "a heart beating too fast"),
    _of(HEART, _heart((34, 48)), "bradycardia", "a very slow heart", "bradycardia", "a heart beating too slowly"),
    _of(
        *(HEART, _heart((75, 120), jitter=0.25, atria=0.0), "fibrillation", "an irregular heartbeat"),
        *("atrial fibrillation", "a heart without a steady rhythm"),
    ),
    _of(
        *(HEART, _heart((65, 90), early=0.25), "extra beats", "heartbeat with extra beats"),
        *("premature ventricular contractions", "a heart that skips beats"),
    ),
    _of(HEART, _no_beat, "asystole", "no heartbeat", "a flat electrocardiogram", "cardiac arrest, a flat line"),
    _of(
        *(HEART, _quivering, "ventricular fibrillation", "a quivering heart that needs a shock"),
        *("ventricular fibrillation", "a chaotic heart before defibrillation"),
    ),
    _of(BREATH, _breathing((12, 18), 0.5), "breath", "normal breathing", "calm breath", "quiet, even respiration"),
    _of(BREATH, _breathing((28, 42), 0.35), "panting", "rapid breathing", "panting", "being out of breath"),
    _of(
        *(BREATH, _breathing((11, 16), 0.6, pauses=True), "apnea", "breathing with pauses", "sleep apnea"),
        "a sleeper who stops breathing",
    ),
    _of(
        BREATH, _breathing((13, 20), 0.5, coughs=True), "cough", "coughing", "a fit of coughing", "someone with a cough"
    ),
)
