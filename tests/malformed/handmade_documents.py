"""Hand-made documents, tables and texts, each with the error it must give."""

import random
import zlib

from tests.malformed.case import Case
from tests.malformed.seeds import pdf_of, seed_files

__all__ = ["documents", "tables", "texts"]

HERON = b"A heron stands in the water. "


def documents() -> list[Case]:
    """PDFs that loop, lie or are locked; markup that is deep, open or empty; refused documents."""
    loop = pdf_of("x", extra={2: b"<</Type/Pages/Kids[2 0 R]/Count 9>>"})
    nothing = pdf_of("", extra={2: b"<</Type/Pages/Kids[]/Count 0>>"})
    locked = f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'41' * 32}>/U<{'42' * 32}>>>/ID[<00><00>]"
    flood = zlib.compress(b"BT /F1 12 Tf (heron) Tj ET " + b" " * 60_000_000, 9)
    flooded = pdf_of("x", extra={4: b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(flood), flood)})
    giant = b"<</Type/XObject/Subtype/Image/Width 99999/Height 99999/ColorSpace/DeviceRGB/BitsPerComponent 8/Length 4>>"
    lying = pdf_of("words", picture=True, extra={6: giant + b"stream\nabcd\nendstream"})
    start = pdf_of("x").rindex(b"startxref")
    self_reference = pdf_of("x", trailer=f"/Prev {pdf_of('x').index(b'xref')}")
    return [
        Case(name="locked.pdf", data=pdf_of("secret", trailer=locked), code="encrypted"),
        Case(name="page-loop.pdf", data=loop),
        Case(name="table-loop.pdf", data=self_reference),
        Case(name="no-pages.pdf", data=nothing),
        Case(name="no-words.pdf", data=pdf_of(""), code="empty"),
        Case(name="header-only.pdf", data=b"%PDF-1.7\n", code="corrupt"),
        Case(name="junk.pdf", data=b"%PDF-1.7\n" + random.Random(3).randbytes(3000), code="corrupt"),
        Case(name="no-table.pdf", data=pdf_of("x")[:start]),
        Case(name="flood.pdf", data=flooded),
        Case(name="lying-picture.pdf", data=lying, code=""),
        Case(name="pdf-named.txt", data=pdf_of("A heron."), code=""),
        Case(name="deep.html", data=b"<!doctype html><html><body>" + b"<div>" * 60_000 + b"heron", code=""),
        Case(name="open-tags.html", data=b"<!doctype html><html>" + b"<a " * 15_000),
        Case(name="open-comments.html", data=b"<!doctype html><html>" + b"<!--" * 90_000),
        Case(
            name="scripts-only.html",
            data=b"<!doctype html><html><script>" + HERON * 9 + b"</script></html>",
            code="empty",
        ),
        Case(name="page-named.png", data=seed_files()["page.html"], code=""),
        Case(name="deep.md", data=b"# A\n" + b">" * 30_000 + b" heron", code=""),
        Case(name="brackets.md", data=b"# A\n" + b"[" * 30_000, code=""),
        Case(name="deep.json", data=b'{"rate_hz": 1, "channels": ' + b"[" * 90_000, code="bad_schema"),
        Case(name="document.rtf", data=rb"{\rtf1\ansi heron}", code="refused_type"),
        Case(name="document.docx", data=b"PK\x03\x04\x14\x00" + bytes(200), code="refused_type"),
        Case(name="document.doc", data=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), code="refused_type"),
    ]


def tables() -> list[Case]:
    """Tables and sensor recordings that contradict themselves."""
    wide = "a,b,c,d\n" + "1,2,3,4\n" * 25_100
    ragged = "a,b\n" + "1,2\n" * 80 + "1,2,3\n"
    trace = "time [s],ax [m/s^2]\n0,1\n1,{}\n2,3\n3,4\n"
    return [
        Case(name="too-many-cells.csv", data=wide.encode(), code="too_large"),
        Case(name="ragged.csv", data=ragged.encode(), code="bad_schema"),
        Case(name="junk.parquet", data=b"PAR1" + bytes(200) + b"PAR1", code="corrupt"),
        Case(name="no-unit.csv", data=b"time [s],ax\n0,1\n1,2\n2,3\n3,4\n", code="bad_schema"),
        Case(name="gap.csv", data=trace.format("nan").encode(), code="not_finite"),
        Case(name="word.csv", data=trace.format("lots").encode(), code="bad_schema"),
        Case(name="unsteady.csv", data=b"time [s],a [V]\n0,1\n1,2\n5,3\n6,4\n", code="bad_schema"),
        Case(
            name="uneven.json",
            data=b'{"rate_hz": 5, "channels": [{"name": "x", "unit": "V"}], "samples": [[1], [2, 3]]}',
            code="bad_schema",
        ),
        Case(
            name="no-rate.json",
            data=b'{"rate_hz": 0, "channels": [{"name": "x", "unit": "V"}], "samples": [[1], [2]]}',
            code="bad_schema",
        ),
    ]


def texts() -> list[Case]:
    """Texts that are none, too long, or in another encoding; archives and programs."""
    return [
        Case(name="nothing.bin", data=b"", code="empty"),
        Case(name="white.txt", data=b" \n\t \n", code="empty"),
        Case(name="mark-only.txt", data=b"\xef\xbb\xbf", code="empty"),
        Case(name="zeros.bin", data=bytes(5000), code="not_text"),
        Case(name="noise.bin", data=random.Random(5).randbytes(5000), code="not_text"),
        Case(name="noise.png", data=b"\x01" + random.Random(6).randbytes(5000), code="not_text"),
        Case(name="zero-inside.txt", data=HERON + b"\x00" + HERON, code="not_text"),
        Case(name="late-zero.txt", data=HERON * 9000 + b"\x00", code="not_text"),
        Case(name="broken-utf8.txt", data=b"caf\xc3\x28 \x81\x8d", code="not_text"),
        Case(name="latin.txt", data="Un café très agréable.".encode("latin-1"), code=""),
        Case(name="wide.txt", data="Un café".encode("utf-16"), code=""),
        Case(name="too-long.txt", data=HERON * 40_000, code="too_large"),
        Case(name="one-line.txt", data=b"x" * 900_000, code=""),
        Case(name="archive.zip", data=b"PK\x03\x04" + bytes(100), code="refused_type"),
        Case(name="archive.gz", data=b"\x1f\x8b\x08" + zlib.compress(bytes(10_000_000)), code="refused_type"),
        Case(name="archive.7z", data=b"7z\xbc\xaf\x27\x1c" + bytes(100), code="refused_type"),
        Case(name="archive.png", data=b"Rar!\x1a\x07\x01\x00" + bytes(100), code="refused_type"),
        Case(name="program", data=b"\x7fELF\x02\x01\x01" + bytes(100), code="refused_type"),
        Case(name="rows.sqlite", data=b"SQLite format 3\x00" + bytes(200), code="refused_type"),
    ]
