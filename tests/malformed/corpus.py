"""Malformed files: seeded mutations of small valid ones, and hand-made ones whose error is known."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.malformed.case import Case
from tests.malformed.handmade_documents import documents, tables, texts
from tests.malformed.handmade_media import bombs, films, pictures, sounds
from tests.malformed.seeds import seed_files

__all__ = ["MUTATIONS", "handmade", "mutants", "write_corpus"]

MUTANTS_PER_SEED = 18


def write_corpus(folder: Path, seed: int = 2026) -> dict[str, Case]:
    """Write every case into ``folder``; the cases by file name."""
    names = sorted(seed_files())
    cases = [*_valid(), *mutants(random.Random(seed), names, MUTANTS_PER_SEED * len(names)), *handmade()]
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        (folder / case.name).write_bytes(case.data)
    return {case.name: case for case in cases}


def handmade() -> list[Case]:
    """Every case that somebody thought of."""
    return [*bombs(), *pictures(), *sounds(), *films(), *documents(), *tables(), *texts()]


def _valid() -> list[Case]:
    return [Case(name=f"valid-{name}", data=data, code="") for name, data in seed_files().items()]


def mutants(rng: random.Random, names: Sequence[str], count: int) -> list[Case]:
    """So many mutations of the named seeds: the kinds of damage in turn, about as many of each seed."""
    seeds, each = seed_files(), -(-count // len(names))
    cases = []
    for name in names:
        for number in range(each):
            mutate = MUTATIONS[number % len(MUTATIONS)]
            suffix = rng.choice(names).rsplit(".", 1)[1] if number % 5 == 0 else name.rsplit(".", 1)[1]
            label = mutate.__name__.strip("_")
            cases.append(
                Case(name=f"{name.replace('.', '-')}-{number:02d}-{label}.{suffix}", data=mutate(seeds[name], rng))
            )
    return cases[:count]


def _flip(data: bytes, rng: random.Random) -> bytes:
    """A few bits anywhere."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 24)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _flip_head(data: bytes, rng: random.Random) -> bytes:
    """A few bytes near the start, behind the signature."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        out[rng.randrange(4, min(len(out), 96))] = rng.randrange(256)
    return bytes(out)


def _truncate(data: bytes, rng: random.Random) -> bytes:
    """Cut off somewhere."""
    return data[: rng.randrange(1, len(data))]


def _inflate_number(data: bytes, rng: random.Random) -> bytes:
    """A four-byte length somewhere claims the most it can."""
    at = rng.randrange(4, max(5, min(len(data) - 4, 400)))
    return data[:at] + rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"]) + data[at + 4 :]


def _zero_block(data: bytes, rng: random.Random) -> bytes:
    """A stretch of zeros."""
    at, size = rng.randrange(len(data)), rng.randint(1, 64)
    return data[:at] + bytes(size) + data[at + size :]


def _repeat_block(data: bytes, rng: random.Random) -> bytes:
    """A stretch twice, many times."""
    at = rng.randrange(len(data))
    block = data[at : at + rng.randint(1, 128)]
    return data[:at] + block * rng.randint(2, 200) + data[at:]


def _splice(data: bytes, rng: random.Random) -> bytes:
    """Random bytes in the middle."""
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(1, 512)) + data[at:]


def _append(data: bytes, rng: random.Random) -> bytes:
    """Another file behind the end (GIFAR and its like)."""
    return data + rng.choice([b"PK\x03\x04" + rng.randbytes(64), b"<script>alert(1)</script>", b"%PDF-1.4\n" + data])


def _shuffle(data: bytes, rng: random.Random) -> bytes:
    """Two halves of the rest change places."""
    cut = rng.randrange(16, max(17, len(data)))
    return data[:16] + data[cut:] + data[16:cut]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip,
    _flip_head,
    _truncate,
    _inflate_number,
    _zero_block,
    _repeat_block,
    _splice,
    _append,
    _shuffle,
)
