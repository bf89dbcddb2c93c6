"""Turns a source picture (raster or SVG) into a small JPEG or PNG on white; knows nothing of where it came from."""

import io
import subprocess

from PIL import Image, ImageChops, ImageOps

__all__ = ["encode_picture", "open_picture", "render_svg"]


def render_svg(data: bytes, *, width: int) -> bytes:
    """PNG bytes of an SVG drawing at ``width`` pixels, drawn by librsvg's ``rsvg-convert``."""
    command = ["rsvg-convert", "--width", str(width), "--keep-aspect-ratio", "--format", "png"]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout


def open_picture(data: bytes, *, side: int) -> Image.Image:
    """An RGB image at most ``side`` pixels wide and high; transparency becomes white, and white margins are cut."""
    if data.lstrip()[:5] in (b"<?xml", b"<svg ", b"<!DOC") or b"<svg" in data[:1000]:
        data = render_svg(data, width=2 * side)
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(white, image).convert("RGB")
    box = (
        ImageChops.difference(flat, Image.new("RGB", flat.size, "white"))
        .point(lambda level: 255 * (level > 12))
        .getbbox()
    )
    flat = (
        ImageOps.expand(flat.crop(box), border=max(flat.size) // 40, fill="white")
        if box and box != (0, 0, *flat.size)
        else flat
    )
    flat.thumbnail((side, side), Image.Resampling.LANCZOS)
    return flat


def encode_picture(image: Image.Image, *, suffix: str, quality: int = 82) -> bytes:
    """The image as ``.jpg``, ``.png`` or ``.webp`` bytes, without metadata."""
    buffer = io.BytesIO()
    if suffix == ".png":
        image.quantize(colors=192, method=Image.Quantize.MEDIANCUT).save(buffer, "PNG", optimize=True)
    elif suffix == ".webp":
        image.save(buffer, "WEBP", quality=quality, method=6)
    else:
        image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
