"""Renders a short phrase on a General MIDI instrument, through a MIDI file written here and ``fluidsynth``."""

import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from samples.make.sounds import RATE_HZ, decode_sound

__all__ = ["INSTRUMENTS", "render_phrase"]

INSTRUMENTS: Final = {
    "piano": 0,
    "guitar": 24,
    "violin": 40,
    "harp": 46,
    "trumpet": 56,
    "saxophone": 65,
    "flute": 73,
}
"""General MIDI programs, counted from 0."""

_TICKS_A_BEAT: Final = 480


def render_phrase(
    soundfont: Path, *, program: int, notes: tuple[int, ...], beat_seconds: float = 0.4
) -> NDArray[np.float32]:
    """Mono samples of ``notes`` (MIDI numbers) one after another, a beat each, at ``RATE_HZ``."""
    with tempfile.TemporaryDirectory() as folder:
        score, wave = Path(folder) / "phrase.mid", Path(folder) / "phrase.wav"
        score.write_bytes(midi_file(program=program, notes=notes, beat_seconds=beat_seconds))
        command = [
            "fluidsynth",
            "-n",
            "-i",
            "-q",
            "-F",
            str(wave),
            "-r",
            str(RATE_HZ),
            "-g",
            "0.8",
            str(soundfont),
            str(score),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return decode_sound(wave.read_bytes())


def midi_file(*, program: int, notes: tuple[int, ...], beat_seconds: float) -> bytes:
    """A Standard MIDI File of format 0 that plays ``notes`` on channel 1."""
    track = bytearray()
    track += b"\x00\xff\x51\x03" + round(beat_seconds * 1e6).to_bytes(3, "big")
    track += bytes((0x00, 0xC0, program))
    for note in notes:
        track += bytes((0x00, 0x90, note, 96)) + _delay(_TICKS_A_BEAT) + bytes((0x80, note, 0))
    track += _delay(2 * _TICKS_A_BEAT) + b"\xff\x2f\x00"
    return (
        b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS_A_BEAT) + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)
    )


def _delay(ticks: int) -> bytes:
    """A variable-length quantity: seven bits a byte, the high bit set on all but the last."""
    groups = [ticks & 0x7F]
    while ticks := ticks >> 7:
        groups.append((ticks & 0x7F) | 0x80)
    return bytes(reversed(groups))
