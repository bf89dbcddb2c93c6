"""Draw every picture once, keep a small JPEG of each, and remember by package what was found.

What a package gave is cached beside the pictures, so that a stopped run goes on and words can change without drawing.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, final

import blake3
from PIL import Image

from recipes.corpus.found import Found
from recipes.corpus.hashes import perceptual_hash, to_hex
from recipes.corpus.raster import NotWanted, draw, encode_jpeg
from recipes.corpus.record import POOL, UNDECIDED, Record
from recipes.corpus.wordnet import WordNet
from recipes.corpus.words import clean, describe

__all__ = ["Seen", "harvest", "name_all"]

MOST_ALIKE = 12
"""Of pictures of one package with the same words this many are kept, the first by hash."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A picture that was drawn: what ``Found`` says of it, less the bytes, plus their hashes."""

    package: str
    version: str
    path: str
    licence: str
    title: str
    keywords: tuple[str, ...]
    hints: tuple[str, ...]
    curated: bool
    sha256: str
    blake3: str
    perceptual: str

    @property
    def key(self) -> str:
        """The picture's name in the corpus."""
        return self.sha256[:16]


def harvest(name: str, source: Callable[[], Iterator[Found]], out: Path) -> tuple[Seen, ...]:
    """Draw what ``source`` yields into ``out/images``, or read what an earlier run of ``name`` saw."""
    cache = out / "seen" / f"{name.replace('/', '_')}.jsonl"
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        (out / "images").mkdir(parents=True, exist_ok=True)
        refused: Counter[str] = Counter()
        seen = [item for found in source() if (item := _draw(found, out / "images", refused)) is not None]
        print(
            f"{name}: {len(seen)} pictures, {sum(refused.values())} refused {dict(refused.most_common(3))}", flush=True
        )
        part = cache.with_suffix(".part")
        part.write_text("".join(json.dumps(asdict(item)) + "\n" for item in seen), encoding="utf-8")
        part.replace(cache)
    lines = cache.read_text(encoding="utf-8").splitlines()
    return tuple(_parse(json.loads(line)) for line in lines)


def name_all(seen: Sequence[Seen], wordnet: WordNet) -> tuple[Record, ...]:
    """Name pictures; those without words go to the pool, and of many with the same words a few are kept.

    A title that many pictures of a package share says nothing of any of them ("part of the flat icon collection"):
    the file's name is taken instead.
    """
    shared = Counter((item.package, clean(item.title)) for item in seen)
    alike: Counter[tuple[str, tuple[str, ...]]] = Counter()
    records = []
    for item in sorted(seen, key=lambda one: one.sha256):
        dull = not item.curated and shared[item.package, clean(item.title)] > MOST_ALIKE
        stem = PurePosixPath(item.path.rsplit("!", maxsplit=1)[-1]).stem
        record = _to_record(item, stem if dull else item.title, wordnet)
        alike[record.package, record.captions] += 1
        if not record.captions or alike[record.package, record.captions] <= MOST_ALIKE:
            records.append(record)
    return tuple(records)


def _to_record(seen: Seen, title: str, wordnet: WordNet) -> Record:
    words = describe(title, seen.keywords, wordnet, hints=seen.hints, curated=seen.curated)
    return Record(
        key=seen.key,
        modality="image",
        package=seen.package,
        version=seen.version,
        path=seen.path,
        licence=seen.licence,
        concept=words.concept,
        split=UNDECIDED if words.concept else POOL,
        sha256=seen.sha256,
        perceptual=seen.perceptual,
        captions=words.captions,
        glosses=words.glosses,
    )


def _draw(found: Found, folder: Path, refused: Counter[str]) -> Seen | None:
    sha256 = hashlib.sha256(found.data).hexdigest()
    place = folder / f"{sha256[:16]}.jpg"
    if not place.exists():
        try:
            jpeg = encode_jpeg(draw(found.data))
        except NotWanted as reason:
            refused[str(reason).split(":", maxsplit=1)[0]] += 1
            return None
        part = place.with_suffix(".part")
        part.write_bytes(jpeg)
        part.replace(place)
    with Image.open(place) as kept:
        perceptual = to_hex(perceptual_hash(kept))
    told = {field: getattr(found, field) for field in Found.__slots__ if field != "data"}
    return Seen(**told, sha256=sha256, blake3=blake3.blake3(found.data).hexdigest(), perceptual=perceptual)


def _parse(line: dict[str, Any]) -> Seen:
    return Seen(**{**line, "keywords": tuple(line["keywords"]), "hints": tuple(line["hints"])})
