"""Small valid files of every accepted type, made here; mutations start from them."""

import functools
import io
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import soundfile
from PIL import Image

__all__ = ["pdf_of", "png_of", "seed_files", "wav_of"]

RATE = 16_000


@functools.cache
def seed_files() -> dict[str, bytes]:
    """Name with suffix to bytes; each must decode."""
    pictures = {
        f"picture.{kind.lower()}": _picture(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
    }
    sounds = {f"sound.{kind.lower()}": _sound(kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF")}
    return {
        **pictures,
        **sounds,
        **_videos(),
        **_texts(),
        "document.pdf": pdf_of("A page about a heron.", picture=True),
    }


def png_of(width: int, height: int, mode: str = "RGB") -> bytes:
    """A plain PNG of this size."""
    return _saved(Image.new(mode, (width, height)), "PNG")


def wav_of(samples: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> bytes:
    """A WAV file of these samples."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype=subtype)
    return buffer.getvalue()


def pdf_of(words: str, *, picture: bool = False, extra: dict[int, bytes] | None = None, trailer: str = "") -> bytes:
    """A one-page PDF; ``extra`` replaces or adds numbered objects, ``trailer`` adds to the trailer."""
    content = f"BT /F1 12 Tf 20 200 Td ({words}) Tj ET" + (" q 90 0 0 90 20 20 cm /I1 Do Q" if picture else "")
    image = bytes(np.random.default_rng(1).integers(0, 255, 64 * 64 * 3, dtype=np.uint8))
    bodies = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>/XObject<</I1 6 0 R>>>>>>",
        4: b"<</Length %d>>stream\n%s\nendstream" % (len(content), content.encode()),
        5: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        6: b"<</Type/XObject/Subtype/Image/Width 64/Height 64/ColorSpace/DeviceRGB/BitsPerComponent 8/Length %d>>"
        b"stream\n%s\nendstream" % (len(image), image),
        **(extra or {}),
    }
    out, offsets = b"%PDF-1.4\n", {}
    for number, body in sorted(bodies.items()):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offsets[number] for number in sorted(bodies))
    return out + f"trailer<</Size {len(bodies) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()


def _drawing(width: int = 48, height: int = 40) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(noise, np.ones((8, 8, 1), dtype=np.uint8)))


def _saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def _picture(kind: str) -> bytes:
    if kind != "GIF":
        return _saved(_drawing(), kind)
    buffer = io.BytesIO()
    _drawing().save(buffer, "GIF", save_all=True, append_images=[_drawing().rotate(90)])
    return buffer.getvalue()


def _tone(seconds: float = 0.5) -> np.ndarray:
    return (0.3 * np.sin(np.arange(int(seconds * RATE)) * 0.17)).astype(np.float32)


def _sound(kind: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, _tone(), RATE, format=kind)
    return buffer.getvalue()


def _videos() -> dict[str, bytes]:
    return {
        "film.mp4": _film("mp4", "libx264", "aac"),
        "film.webm": _film("webm", "libvpx", "libopus", rate=48_000),
        "film.mkv": _film("matroska", "mpeg4", "mp3"),
        "film.avi": _film("avi", "mpeg4", "mp3"),
        "film.ts": _film("mpegts", "mpeg2video", "mp2"),
        "film.flv": _film("flv", "flv", "aac"),
        "sound.m4a": _film("ipod", None, "aac"),
        "sound.aac": _film("adts", None, "aac"),
    }


def _film(kind: str, codec: str | None, sound: str, *, rate: int = RATE) -> bytes:
    """One second of two scenes with a tone."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        pictures = container.add_stream(codec, rate=12) if codec else None
        track = container.add_stream(sound, rate=rate)
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = 48, 40, "yuv420p"
            still = np.asarray(_drawing())
            for index in range(12):
                scene = still if index < 6 else 255 - still
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(scene), format="rgb24")
                container.mux(pictures.encode(frame))
            container.mux(pictures.encode())
        _encode_tone(container, track, rate)
    return buffer.getvalue()


def _encode_tone(container: av.container.OutputContainer, track: av.AudioStream, rate: int) -> None:
    tone = np.resize(_tone(), rate)
    for at in range(0, len(tone), 960):
        frame = av.AudioFrame.from_ndarray(tone[None, at : at + 960], format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        container.mux(track.encode(frame))
    container.mux(track.encode())


def _texts() -> dict[str, bytes]:
    rows = "".join(f"{0.02 * n:.2f},{n % 5},{n % 3}\n" for n in range(40))
    table = "".join(f"bird {n},{n * 1.5},2024-01-{n + 1:02d},true\n" for n in range(20))
    texts: dict[str, Callable[[], str]] = {
        "plain.txt": lambda: "A heron stands in the shallow water. It waits. " * 40,
        "notes.md": lambda: "# Birds\n\nThe **heron** waits.\n\n## Fish\n\n- one\n- two\n" * 5,
        "page.html": lambda: (
            "<!doctype html><html><head><title>T</title></head><body><h1>Birds</h1><p>A heron.</p></body></html>"
        ),
        "rows.csv": lambda: "name,weight,seen,adult\n" + table,
        "rows.jsonl": lambda: "".join(f'{{"name": "bird {n}", "weight": {n}.5}}\n' for n in range(20)),
        "trace.csv": lambda: "time [s],ax [m/s^2],ay [m/s^2]\n" + rows,
        "trace.json": lambda: (
            '{"rate_hz": 50, "channels": [{"name": "x", "unit": "V"}], "samples": [[1], [2], [3], [4]]}'
        ),
    }
    return {name: make().encode() for name, make in texts.items()}
