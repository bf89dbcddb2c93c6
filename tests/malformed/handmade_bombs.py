"""Small files that unfold into far more than they say, or say far more than they hold; each kind of container once."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.malformed.case import Case
from tests.malformed.seeds import pdf_of, png_of, seed_files

__all__ = ["unfolding"]

FLAC_BLOCK = 65_535
FLAC_CHANNELS = 8
MEGABYTES = 60_000_000


def unfolding() -> list[Case]:
    """Bombs beside those among the pictures."""
    flood = zlib.compress(bytes(MEGABYTES), 9)
    twice = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream"
    inner = zlib.compress(flood, 9)
    return [
        Case(name="bomb-frames.png", data=_animated_png(4000)),
        Case(name="bomb-interlaced.png", data=_interlaced_png()),
        Case(name="bomb-many-texts.png", data=_many_texts()),
        Case(name="bomb-canvas.webp", data=_webp(), code="too_many_pixels"),
        Case(name="bomb-frames.gif", data=_gif(3000)),
        Case(name="bomb-strip.tiff", data=_tiff(flood)),
        Case(name="bomb-loop.tiff", data=_looping_tiff()),
        Case(name="bomb-scans.jpg", data=_scans(600)),
        Case(name="bomb-extent.avif", data=_changed("picture.avif", b"ispe", struct.pack(">III", 0, 60_000, 60_000))),
        Case(name="bomb-hours.flac", data=_flac(2000), code=""),
        Case(name="bomb-hours.ogg", data=_late_granule()),
        Case(
            name="bomb-duration.mp4",
            data=_changed("film.mp4", b"mvhd", bytes(12) + b"\x00\x00\x00\x01\xff\xff\xff\xf0"),
        ),
        Case(name="bomb-samples.m4a", data=_changed("sound.m4a", b"stts", struct.pack(">IIII", 0, 1, 0xFFFFFFF0, 1))),
        Case(name="bomb-twice.pdf", data=pdf_of("x", extra={4: twice % (len(inner), inner)})),
        Case(name="bomb-rows.parquet", data=_parquet(), code="too_large"),
        Case(name="bomb-nested.zip", data=_stored_zip(flood), code="refused_type"),
    ]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _animated_png(num_frames: int) -> bytes:
    """Frames of 4000 x 4000 pixels, each a few bytes."""
    side = 4000
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    frames = [_chunk(b"IDAT", rows)]
    for number in range(1, num_frames):
        control = struct.pack(">IIIIIHHBB", 2 * number - 1, side, side, 0, 0, 1, 30, 0, 0)
        frames.append(_chunk(b"fcTL", control) + _chunk(b"fdAT", struct.pack(">I", 2 * number) + rows[:64]))
    first = _chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 30, 0, 0))
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    start = b"\x89PNG\r\n\x1a\n" + header + _chunk(b"acTL", struct.pack(">II", num_frames, 0)) + first
    return start + b"".join(frames) + _chunk(b"IEND", b"")


def _interlaced_png() -> bytes:
    """36 megapixels in sixteen bits a channel, interlaced: as much work as a picture within the limit can be."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 6000, 6000, 16, 6, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(bytes(MEGABYTES), 9)) + _chunk(b"IEND", b"")


def _many_texts() -> bytes:
    """Thousands of compressed texts of ten megabytes each."""
    text = _chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(10_000_000), 9))
    plain = png_of(64, 64)
    return plain[:33] + text * 500 + plain[33:]


def _webp() -> bytes:
    """An extended header that claims the largest canvas there is."""
    canvas = (16_382).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\x00\x00\x00" + canvas + seed_files()["picture.webp"][12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _gif(num_frames: int) -> bytes:
    """Thousands of frames on a canvas of 16 megapixels, one pixel each."""
    frame = b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    start = b"GIF89a" + struct.pack("<HH", 4000, 4000) + b"\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    return start + frame * num_frames + b"\x3b"


def _directory(entries: list[tuple[int, int, int, int]], following: int) -> bytes:
    """A TIFF directory of entries (tag, type, count, value)."""
    told = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + told + struct.pack("<I", following)


def _tiff(flood: bytes) -> bytes:
    """One deflated strip that unfolds into sixty megabytes where 64 x 64 pixels are said to be."""
    tags = [(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (277, 1), (278, 64)]
    entries = [(tag, 4, 1, value) for tag, value in tags] + [(273, 4, 1, 200), (279, 4, 1, len(flood))]
    return (b"II*\x00\x08\x00\x00\x00" + _directory(sorted(entries), 0)).ljust(200, b"\x00") + flood


def _looping_tiff() -> bytes:
    """A directory that is its own successor."""
    entries = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 4, 1, 8), (262, 4, 1, 1), (273, 4, 1, 8), (279, 4, 1, 64)]
    return (b"II*\x00\x08\x00\x00\x00" + _directory(entries, 8)).ljust(400, b"\x00")


def _scans(num_scans: int) -> bytes:
    """A progressive photograph whose last scan comes again and again."""
    out = io.BytesIO()
    Image.fromarray(np.zeros((1600, 1600), dtype=np.uint8)).save(out, "JPEG", progressive=True, quality=10)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * num_scans + data[-2:]


def _changed(name: str, box: bytes, body: bytes) -> bytes:
    """A valid file in which the content of one box is another."""
    data = seed_files()[name]
    at = data.index(box) + 4
    return data[:at] + body + data[at + len(body) :]


def _flac(num_frames: int) -> bytes:
    """Eight channels of silence, ten bytes a second: constant blocks of the greatest length."""
    rate, samples = 48_000, num_frames * FLAC_BLOCK
    sizes = struct.pack(">HH", FLAC_BLOCK, FLAC_BLOCK) + bytes(6)
    layout = rate << 44 | (FLAC_CHANNELS - 1) << 41 | 15 << 36 | samples
    info = sizes + layout.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info + b"".join(_flac_frames(num_frames))


def _flac_frames(num_frames: int) -> Iterator[bytes]:
    for number in range(num_frames):
        coded = chr(number).encode("utf-8")
        head = b"\xff\xf8\x7a" + bytes([(FLAC_CHANNELS - 1) << 4 | 0b1000]) + coded + struct.pack(">H", FLAC_BLOCK - 1)
        head += bytes([_crc(head, 8, 0x07)])
        frame = head + b"\x00\x00\x00" * FLAC_CHANNELS
        yield frame + _crc(frame, 16, 0x8005).to_bytes(2, "big")


def _crc(data: bytes, width: int, polynomial: int) -> int:
    value, top = 0, 1 << (width - 1)
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & ((1 << width) - 1)
    return value


def _late_granule() -> bytes:
    """An Ogg file whose last page says that it ends after years."""
    data = bytearray(seed_files()["sound.ogg"])
    at = data.rindex(b"OggS") + 6
    data[at : at + 8] = struct.pack("<q", 1 << 60)
    return bytes(data)


def _parquet() -> bytes:
    """Forty million rows of one value."""
    out = io.BytesIO()
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(4_000_000, dtype=np.int8)), pa.array(["heron" * 2000]))
    table = pa.table({f"c{number}": column for number in range(10)})
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _stored_zip(flood: bytes) -> bytes:
    """An archive in an archive, sixty megabytes at the end."""
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", zlib.compress(flood, 9))
        archive.writestr("zeros", bytes(MEGABYTES))
    return out.getvalue()
