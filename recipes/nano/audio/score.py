"""Random short phrases as one MIDI file: a melody, sometimes chords, bass and drums, a new instrument each clip."""

import struct

import numpy as np

__all__ = ["write_midi"]

TICKS_A_SECOND = 480
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))
DRUM_CHANNEL = 9
Event = tuple[int, bytes]


def write_midi(rng: np.random.Generator, *, num_clips: int, clip_seconds: float) -> bytes:
    """Write ``num_clips`` phrases end to end; clip ``i`` leads with General MIDI programme ``i`` modulo 128."""
    events: list[Event] = []
    for clip in range(num_clips):
        events += _clip_events(rng, clip, int(clip * clip_seconds * TICKS_A_SECOND), clip_seconds)
    track = bytearray()
    now = 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track += _variable_length(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_A_SECOND // 2)  # the default tempo is 120 beats a minute
    return header + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _clip_events(rng: np.random.Generator, clip: int, start: int, seconds: float) -> list[Event]:
    """One phrase: all sound off, programmes, then notes until shortly before its end."""
    events: list[Event] = [(start, bytes((0xB0 | channel, 120, 0))) for channel in range(10)]
    length = int((seconds - 0.4) * TICKS_A_SECOND)
    scale, root = SCALES[rng.integers(len(SCALES))], int(rng.integers(36, 72))
    lead_only = clip < 128 and rng.random() < 0.6
    drums_only = clip % 11 == 10
    if not drums_only:
        events.append((start + 1, bytes((0xC0, clip % 128))))
        events += _melody(rng, start, length, (scale, root))
    if not lead_only and not drums_only:
        for channel, drop in ((1, 12), (2, 24)):
            events.append((start + 1, bytes((0xC0 | channel, int(rng.integers(0, 104))))))
            events += _chords(rng, start, length, (channel, max(root - drop, 24)))
    if drums_only or (not lead_only and rng.random() < 0.6):
        events += _drums(rng, start, length)
    return events


def _note(tick: int, length: int, channel: int, pitch: int, loudness: int) -> list[Event]:
    pitch = min(max(pitch, 20), 108)
    return [
        (tick, bytes((0x90 | channel, pitch, loudness))),
        (tick + length, bytes((0x80 | channel, pitch, 0))),
    ]


def _melody(rng: np.random.Generator, start: int, length: int, key: tuple[tuple[int, ...], int]) -> list[Event]:
    scale, root = key
    step = int(rng.choice([60, 120, 180, 240, 480]))
    events: list[Event] = []
    degree = int(rng.integers(len(scale)))
    for tick in range(2, length, step):
        degree += int(rng.integers(-2, 3))
        pitch = root + 12 * (degree // len(scale)) + scale[degree % len(scale)]
        if rng.random() < 0.85:
            events += _note(start + tick, int(step * rng.uniform(0.6, 1.4)), 0, pitch, int(rng.integers(60, 120)))
    return events


def _chords(rng: np.random.Generator, start: int, length: int, part: tuple[int, int]) -> list[Event]:
    channel, root = part
    events: list[Event] = []
    for tick in range(2, length, 480):
        base = root + int(rng.choice([0, 5, 7, 9]))
        for interval in (0, 4, 7):
            events += _note(start + tick, 440, channel, base + interval, int(rng.integers(40, 90)))
    return events


def _drums(rng: np.random.Generator, start: int, length: int) -> list[Event]:
    events: list[Event] = []
    step = int(rng.choice([60, 120]))
    hits = rng.choice([35, 36, 38, 40, 42, 44, 46, 49, 51, 45, 50, 39, 54, 56, 70], size=8)
    for beat, tick in enumerate(range(2, length, step)):
        if beat % 4 == 0 or rng.random() < 0.5:
            events += _note(start + tick, 50, DRUM_CHANNEL, int(hits[beat % 8]), int(rng.integers(60, 125)))
    return events


def _variable_length(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | (value & 0x7F))
    return bytes(reversed(parts))
