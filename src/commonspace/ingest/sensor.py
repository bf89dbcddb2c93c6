"""A sensor recording becomes samples x channels, each channel with a name and a unit, at one steady rate."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from commonspace.core.errors import ItemError
from commonspace.core.item import Decoded, Metadata, Piece, Span, Trace
from commonspace.core.modality import Modality
from commonspace.ingest.payload import Payload
from commonspace.ingest.plan import Plan
from commonspace.ingest.segments import windows
from commonspace.ingest.table import parse_json
from commonspace.ingest.textual import decode_text, delimiter_of
from commonspace.ingest.units import READ_AS, unit_of

__all__ = ["decode_sensor", "decode_trace"]

CHANNEL: Final = re.compile(r"(.{1,100}?)\s*[\[(]\s*([^\])]{0,40}?)\s*[\])]")
TIME_UNITS: Final[dict[str, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
JITTER: Final = 0.05
"""Steps between samples may differ from their median by this share of it; more is no steady rate."""
MIN_SAMPLES: Final = 2
WINDOW_SECONDS: Final = 10.0
WINDOW_SAMPLES: Final = 4096
"""A piece is ten seconds long, or so many samples where ten seconds hold fewer: slow recordings need hours."""


def decode_sensor(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    """A recording in CSV or JSON, in the forms that ``docs/ingest.md`` describes.

    Raises:
        ItemError: a channel without unit, an unsteady rate, a value that is no number, too many samples.
    """
    data = payload.read(plan.limits.sensor_bytes, "sensor recordings")
    text, notes = decode_text(data)
    trace = _from_json(text) if media_type.endswith("json") else _from_csv(text)
    return _decoded(trace, media_type, data, notes, plan)


def decode_trace(trace: Trace, plan: Plan) -> Decoded:
    """A recording that a program hands over, checked."""
    array = np.asarray(trace.array)
    if array.dtype.kind not in "fiu":
        raise _bad(f"Trace.array holds {array.dtype}.", "Give numbers.")
    data = np.ascontiguousarray(array).tobytes() + repr((trace.rate_hz, trace.channels, trace.units)).encode()
    checked = Trace(array=array.astype(np.float32), rate_hz=trace.rate_hz, channels=trace.channels, units=trace.units)
    return _decoded(checked, "application/x-trace", data, (), plan)


def _decoded(trace: Trace, media_type: str, data: bytes, notes: tuple[str, ...], plan: Plan) -> Decoded:
    _check(trace, plan)
    metadata: Metadata = {
        "rate_hz": round(trace.rate_hz, 6),
        "samples": len(trace.array),
        "seconds": round(len(trace.array) / trace.rate_hz, 3),
        "channels": ", ".join(f"{name} [{unit}]" for name, unit in zip(trace.channels, trace.units, strict=True)),
    }
    return Decoded(
        modality=Modality.SENSOR,
        media_type=media_type,
        content_hash=blake3(data).hexdigest(),
        num_bytes=len(data),
        cost=trace.array.size,
        pieces=tuple(_pieces(trace)),
        notes=(*notes, *_units_told(trace)),
        metadata=metadata,
        trace=trace,
    )


def _pieces(trace: Trace) -> Iterator[Piece]:
    """The recording in equal windows, each with the seconds it spans."""
    length = max(WINDOW_SAMPLES, round(WINDOW_SECONDS * trace.rate_hz))
    for start, end in windows(len(trace.array), length):
        seconds = (round(start / trace.rate_hz, 3), round(end / trace.rate_hz, 3))
        yield Piece(
            modality=Modality.SENSOR,
            content=replace(trace, array=trace.array[start:end]),
            span=Span(start_seconds=seconds[0], end_seconds=seconds[1]),
        )


def _units_told(trace: Trace) -> list[str]:
    """What was assumed of units that are not known, or that share their name with another."""
    told = []
    for unit in sorted({unit.strip() for unit in trace.units}):
        if unit_of(unit) is None:
            told.append(f"unit '{unit[:40]}' not known: its numbers are taken as they are")
        elif unit in READ_AS:
            told.append(f"unit '{unit}' read as {READ_AS[unit]}")
    return told


def _check(trace: Trace, plan: Plan) -> None:
    """Every rule that a recording must keep, whatever it came from."""
    width = len(trace.channels)
    if trace.array.ndim != 2 or trace.array.shape[1] != width or len(trace.units) != width or not width:
        shape = " x ".join(map(str, trace.array.shape))
        raise _bad(f"The samples are {shape} for {width} channels and {len(trace.units)} units.", "Make them agree.")
    if len(set(trace.channels)) != width or not all(name.strip() for name in trace.channels):
        raise _bad("Channel names must be there and differ.", "Give every channel a name of its own.")
    if not all(unit.strip() for unit in trace.units):
        raise _bad("A channel has no unit.", "Give every channel a unit; 1 where it has none.")
    if not (np.isfinite(trace.rate_hz) and 0 < trace.rate_hz <= 1e7):
        raise _bad(f"The rate is {trace.rate_hz:g} Hz.", "Give samples a second, above zero.")
    if len(trace.array) < MIN_SAMPLES:
        cause = f"The recording has {len(trace.array)} samples; at least {MIN_SAMPLES} are needed."
        raise ItemError("too_small", cause, fix="Use a longer recording.")
    if trace.array.size > plan.limits.sensor_samples:
        cause = f"The recording has {trace.array.size} samples; the limit is {plan.limits.sensor_samples}."
        raise ItemError("too_large", cause, fix="Split it, or raise the limit.")
    if not np.isfinite(trace.array).all():
        cause = "The recording holds samples that are not numbers (NaN, infinity or empty cells)."
        raise ItemError("not_finite", cause, fix="Fill the gaps or cut them out.")


def _from_csv(text: str) -> Trace:
    """``time [s],name [unit],...`` and one row a sample."""
    delimiter = delimiter_of(text) or ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    except csv.Error:
        raise _bad("A row breaks the rules of quoting.", "Export the recording again.") from None
    header = [_channel(cell) for cell in rows[0]]
    body = rows[1:]
    uneven = next((number for number, row in enumerate(body, 1) if len(row) != len(header)), None)
    if uneven is not None:
        raise _bad(f"Row {uneven} has {len(body[uneven - 1])} cells under {len(header)} columns.", "Correct that row.")
    values = _numbers(body)
    scale = TIME_UNITS.get(header[0][1].lower())
    if scale is None:
        raise _bad(f"The time column is in '{header[0][1]}'.", "Give time in s, ms or us.")
    rate = _steady_rate(values[:, 0] * scale)
    return Trace(
        array=values[:, 1:].astype(np.float32),
        rate_hz=rate,
        channels=tuple(name for name, _ in header[1:]),
        units=tuple(unit for _, unit in header[1:]),
    )


def _from_json(text: str) -> Trace:
    """``{"rate_hz": 50, "channels": [{"name": "x", "unit": "m/s^2"}], "samples": [[0.1], ...]}``."""
    value = parse_json(text)
    try:
        channels = [(str(channel["name"]), str(channel["unit"])) for channel in value["channels"]]
        rate = float(value["rate_hz"])
        samples = value["samples"]
    except (KeyError, TypeError, ValueError):
        wanted = "rate_hz, channels (each with name and unit) and samples"
        raise _bad(f"The recording lacks one of {wanted}.", "See the form in docs/ingest.md.") from None
    return Trace(
        array=_numbers(samples).astype(np.float32),
        rate_hz=rate,
        channels=tuple(name for name, _ in channels),
        units=tuple(unit for _, unit in channels),
    )


def _channel(cell: str) -> tuple[str, str]:
    found = CHANNEL.fullmatch(cell.strip())
    if found is None:
        raise _bad(f"The column '{cell.strip()[:60]}' has no unit.", "Write headers as: name [unit].")
    return found[1], found[2]


def _numbers(rows: Sequence[Any]) -> NDArray[np.float64]:
    try:
        return np.array(rows, dtype=np.float64, ndmin=2)
    except (ValueError, TypeError, OverflowError):
        raise _bad("A sample is no number, or rows differ in length.", "Correct the samples.") from None


def _steady_rate(times: NDArray[np.float64]) -> float:
    """Samples a second, where the times rise in equal steps."""
    steps = np.diff(times)
    if not len(steps) or not np.isfinite(times).all():
        raise _bad("The time column needs at least two finite times.", "Correct the time column.")
    step = float(np.median(steps))
    if step <= 0 or float(np.abs(steps - step).max()) > JITTER * step + 1e-9 * float(np.abs(times).max()):
        raise _bad("The times do not rise in equal steps.", "Resample the recording to a steady rate.")
    return 1.0 / step


def _bad(cause: str, fix: str) -> ItemError:
    return ItemError("bad_schema", cause, fix=fix)
