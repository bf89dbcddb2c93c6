"""Writes the sample PDF, a four-page guide to a farm with two pictures inside; the text is our own, CC0.

The file is written by hand after ISO 32000-1 (version 1.4, the standard Helvetica, pictures as JPEG streams): no
library is needed and the same pictures give the same bytes.
"""

import io
from textwrap import wrap
from typing import Final

from PIL import Image

__all__ = ["draw_guide"]

_WIDTH: Final = 420
_HEIGHT: Final = 595
"""An A5 page, in points."""

_CHARACTERS_A_LINE: Final = 64

_TEXT: Final = """\
# A short guide to Hollow Farm
Welcome. This leaflet tells you what you can see and hear on a walk around the farm, and where to find it.

The walk takes an hour. Please close every gate behind you, keep dogs on a lead near the lambs, and do not feed the
horses through the fence: two of them bite.

In the rain, start at the barn. You will stay dry for the first half, and the swallows nest just under its roof.

# The upper meadow: sheep
Forty ewes graze here from April to November. They are shorn once a year, in June, and a good fleece weighs about three
kilograms. The wool is spun in the village and dyed with walnut shells.

Lambs stay with their mothers for four months. A ewe knows her own lamb by its voice among all the others.

# The yard: hens and a rooster
The rooster keeps watch while the hens scratch for worms. He crows at dawn, at noon, and whenever a car stops at the
gate.

A hen lays an egg almost every day in spring and hardly any in winter, when the days are short.

# The mill stream
Water from the stream turned the mill wheel for three hundred years. The mill now makes electricity, enough for the
farm and the two houses below it.

Look for the kingfisher on the low branches: a flash of blue, and it is gone. Trout stand in the shade of the stone
bridge in summer.
"""


def draw_guide(*, sheep: Image.Image, rooster: Image.Image) -> bytes:
    """PDF bytes of the guide, the sheep on its second page and the rooster on its third."""
    pictures = {1: sheep, 2: rooster}
    pages = _TEXT.split("# ")[1:]
    kids = " ".join(f"{6 + 3 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title (A short guide to Hollow Farm) /Author (the commonspace authors) >>",
    ]
    for number, page in enumerate(pages):
        heading, _, body = page.partition("\n")
        objects += _page_objects(number, heading, body, pictures.get(number))
    return _file(objects)


def _page_objects(number: int, heading: str, body: str, picture: Image.Image | None) -> list[bytes]:
    """A page, its content and its picture (an empty dictionary where it has none): three objects in a row."""
    first = 6 + 3 * number
    drawn = [f"BT /F1 17 Tf 45 {_HEIGHT - 60} Td ({_escaped(heading)}) Tj ET"]
    line = _HEIGHT - 95
    for paragraph in body.strip().split("\n\n"):
        for words in wrap(" ".join(paragraph.split()), _CHARACTERS_A_LINE):
            drawn.append(f"BT /F2 11 Tf 45 {line} Td ({_escaped(words)}) Tj ET")
            line -= 15
        line -= 9
    shown, held = "", b"<< >>"
    if picture is not None:
        wide, tall = 300, round(300 * picture.height / picture.width)
        drawn.append(f"q {wide} 0 0 {tall} 60 {line - tall} cm /I1 Do Q")
        shown, held = f" /XObject << /I1 {first + 2} 0 R >>", _picture_object(picture)
    drawn.append(f"BT /F2 11 Tf {_WIDTH // 2} 28 Td ({number + 1}) Tj ET")
    resources = f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >>{shown} >>"
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] {resources} /Contents {first + 1} 0 R >>"
    return [page.encode(), _stream("", "\n".join(drawn).encode("cp1252")), held]


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _picture_object(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    size = f"/Width {picture.width} /Height {picture.height}"
    return _stream(
        f"/Type /XObject /Subtype /Image {size} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode ",
        buffer.getvalue(),
    )


def _stream(entries: str, data: bytes) -> bytes:
    return f"<< {entries}/Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _file(objects: list[bytes]) -> bytes:
    """The objects numbered from one, the table that says where each starts, and the trailer."""
    written = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    starts = []
    for number, content in enumerate(objects, start=1):
        starts.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{len(written)}\n%%EOF\n"
    return bytes(written) + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()
