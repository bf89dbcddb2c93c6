"""Hand-made pictures, sounds and videos, each with the error it must give."""

import struct
import zlib
from functools import cache

import numpy as np

from tests.malformed.case import Case
from tests.malformed.seeds import png_of, seed_files, wav_of

__all__ = ["bombs", "films", "pictures", "sounds"]

NUM_SAMPLES = 8000


@cache
def bombs() -> tuple[Case, ...]:
    """Small files that claim, or unfold to, far more than they should."""
    zeros = zlib.compress(bytes(1000))
    flat = zlib.compress(bytes(6000 * 751), 9)
    flood = zlib.compress(bytes(100_000_000), 9)
    text_bomb = _chunk(b"zTXt", b"a\x00\x00" + flood)
    profile_bomb = _chunk(b"iCCP", b"a\x00\x00" + flood)
    jpeg = bytearray(seed_files()["picture.jpeg"])
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = b"\xff\xdc\xff\xdc"
    bmp = bytearray(seed_files()["picture.bmp"])
    bmp[18:26] = struct.pack("<ii", 30_000, 30_000)
    gif = bytearray(seed_files()["picture.gif"])
    gif[6:10] = b"\xff\xff\xff\xff"
    tiff = (
        b"II*\x00\x08\x00\x00\x00\x02\x00"
        + struct.pack("<HHII", 256, 4, 1, 90_000)
        + struct.pack("<HHII", 257, 4, 1, 90_000)
    )
    return (
        Case(name="bomb-2500-megapixels.png", data=_png(50_000, 50_000, zeros), code="too_many_pixels"),
        Case(name="bomb-170-megapixels.png", data=_png(13_000, 13_000, zeros), code="too_many_pixels"),
        Case(name="bomb-long-side.png", data=_png(17_000, 2000, zeros), code="too_many_pixels"),
        Case(name="bomb-36-megapixels-flat.png", data=_png(6000, 6000, flat), code=""),
        Case(name="bomb-text-chunk.png", data=_png(64, 64, zlib.compress(bytes(64 * 9)), text_bomb)),
        Case(name="bomb-colour-profile.png", data=_png(64, 64, zlib.compress(bytes(64 * 9)), profile_bomb)),
        Case(name="bomb.jpg", data=bytes(jpeg), code="too_many_pixels"),
        Case(name="bomb.bmp", data=bytes(bmp), code="too_many_pixels"),
        Case(name="bomb.gif", data=bytes(gif), code="too_many_pixels"),
        Case(name="bomb.tiff", data=tiff + bytes(64)),
    )


def pictures() -> list[Case]:
    """Pictures of odd shapes, cut short, or of refused types."""
    svg_entities = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><svg xmlns="x">&b;</svg>'
    )
    return [
        Case(name="one-pixel.png", data=png_of(1, 1), code="too_small"),
        Case(name="seven-pixels.png", data=png_of(7, 400), code="too_small"),
        Case(name="sliver.png", data=png_of(4000, 10), code="too_thin"),
        Case(name="header-only.png", data=b"\x89PNG\r\n\x1a\n", code="corrupt"),
        Case(name="header-only.jpg", data=b"\xff\xd8\xff\xe0", code="corrupt"),
        Case(name="header-only.gif", data=b"GIF89a", code="corrupt"),
        Case(name="cut.png", data=seed_files()["picture.png"][:120], code="corrupt"),
        Case(name="cut.jpg", data=seed_files()["picture.jpeg"][:-200], code="corrupt"),
        Case(name="too-many-bytes.png", data=png_of(64, 64) + bytes(21_000_000), code="too_large"),
        Case(name="entities.svg", data=svg_entities, code="refused_type"),
        Case(
            name="script.png",
            data=b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
            code="refused_type",
        ),
        Case(name="drawing.eps", data=b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n", code="refused_type"),
        Case(name="picture.psd", data=b"8BPS\x00\x01" + bytes(200), code="refused_type"),
        Case(name="picture.ico", data=b"\x00\x00\x01\x00\x01\x00" + bytes(200), code="refused_type"),
        Case(name="photo.heic", data=b"\x00\x00\x00\x18ftypheic" + bytes(200), code="refused_type"),
        Case(name="gifar.gif", data=seed_files()["picture.gif"] + b"PK\x03\x04" + bytes(99), code=""),
        Case(name="picture-named.mp3", data=seed_files()["picture.png"], code=""),
    ]


def sounds() -> list[Case]:
    """Sounds without samples, with impossible ones, or with lying headers."""
    tone = np.zeros(NUM_SAMPLES, dtype=np.float32)
    flac = bytearray(seed_files()["sound.flac"])
    flac[21:26] = b"\x0f\xff\xff\xff\xff"
    wav = bytearray(wav_of(tone))
    wav[wav.index(b"data") + 4 : wav.index(b"data") + 8] = b"\xff\xff\xff\xff"
    endless = np.zeros(8000 * 660, dtype=np.int16)
    return [
        Case(name="all-nan.wav", data=wav_of(tone * np.nan), code="not_finite"),
        Case(
            name="one-infinity.wav", data=wav_of(np.where(np.arange(len(tone)) == 99, np.inf, tone)), code="not_finite"
        ),
        Case(name="no-samples.wav", data=wav_of(tone[:0]), code="empty"),
        Case(name="one-sample.wav", data=wav_of(tone[:1]), code="too_small"),
        Case(name="silence.wav", data=wav_of(tone), code=""),
        Case(name="nine-channels.wav", data=wav_of(np.zeros((400, 9), dtype=np.float32)), code="too_large"),
        Case(name="ten-hertz.wav", data=wav_of(tone, rate=10), code="bad_value"),
        Case(name="megahertz.wav", data=wav_of(tone, rate=1_000_000), code="too_large"),
        Case(name="lying-length.wav", data=bytes(wav)),
        Case(name="lying-length.flac", data=bytes(flac)),
        Case(name="eleven-minutes.wav", data=wav_of(endless, rate=8000, subtype="PCM_16"), code=""),
        Case(name="header-only.wav", data=b"RIFF\xff\xff\xff\xffWAVE", code="corrupt"),
        Case(name="header-only.flac", data=b"fLaC\x00\x00\x00\x22", code="corrupt"),
        Case(name="header-only.mp3", data=b"ID3\x04\x00\x00\x00\x00\x00\x00", code="corrupt"),
        Case(name="header-only.ogg", data=b"OggS" + bytes(60), code="corrupt"),
        Case(name="huge-tag.mp3", data=b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(4000), code="corrupt"),
        Case(name="score.mid", data=b"MThd\x00\x00\x00\x06\x00\x01", code="refused_type"),
        Case(name="sound-named.png", data=seed_files()["sound.wav"], code=""),
    ]


def films() -> list[Case]:
    """Videos without content, and lists of other files that pose as videos."""
    stream = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    return [
        Case(name="playlist.m3u8", data=stream, code="refused_type"),
        Case(name="playlist.mp4", data=stream, code="refused_type"),
        Case(name="playlist-marked.mp4", data=b"\xef\xbb\xbf\n" + stream, code="refused_type"),
        Case(name="concat.mp4", data=b"ffconcat version 1.0\nfile '/etc/passwd'\n", code="refused_type"),
        Case(
            name="manifest.mp4",
            data=b'<?xml version="1.0"?><MPD><BaseURL>file:///etc/</BaseURL></MPD>',
            code="refused_type",
        ),
        Case(name="list.avi", data=b"[playlist]\nFile1=/etc/passwd\n", code="refused_type"),
        Case(name="smil.mp4", data=b'<smil><body><video src="file:///etc/passwd"/></body></smil>', code="refused_type"),
        Case(name="header-only.mp4", data=b"\x00\x00\x00\x18ftypisom" + bytes(12), code="corrupt"),
        Case(name="header-only.mkv", data=b"\x1aE\xdf\xa3" + bytes(40), code="corrupt"),
        Case(name="header-only.avi", data=b"RIFF\xff\xff\xff\x7fAVI LIST", code="corrupt"),
        Case(name="outside.mp4", data=_outside_reference(seed_files()["film.mp4"])),
        Case(name="film-named.txt", data=seed_files()["film.webm"], code=""),
    ]


def _outside_reference(film: bytes) -> bytes:
    """The film's data reference made to say that its media lie in another file."""
    at = film.index(b"url \x00\x00\x00\x01")
    return film[: at + 7] + b"\x00" + film[at + 8 :]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, data: bytes, extra: bytes = b"", depth: int = 1) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
