"""No malformed file may crash, hang or bloat decoding; each gives arrays or exactly one clear error."""

import functools
import os
import re
import socket
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Decoded, Row, Trace
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.finding import find_sources
from commonspace.ingest.limits import ITEM_CODES
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import ItemFailure, Source, source_of
from tests.malformed.case import Case
from tests.malformed.corpus import write_corpus

GIGABYTE = 1 << 30
LEAKS = re.compile(r"0x[0-9a-f]{4,}|Traceback|/tmp/|/root/|/home/|<PIL|<_io|site-packages", re.IGNORECASE)

Outcomes = dict[str, Decoded | ItemError]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("malformed")


@pytest.fixture(scope="module")
def cases(folder: Path) -> dict[str, Case]:
    return write_corpus(folder)


@pytest.fixture(scope="module")
def run(folder: Path, cases: dict[str, Case]) -> tuple[Outcomes, int, float]:
    """Every case through the pool with the default limits: outcomes, peak bytes of a worker, seconds."""
    sources = [found for found in find_sources([folder]) if isinstance(found, Source)]
    start = time.monotonic()
    with WorkerPool(workers=2) as pool:
        outcomes = {
            source.name: outcome for source, outcome in pool.map(functools.partial(decode, plan=Plan()), sources)
        }
        assert len(outcomes) == len(cases)
        return outcomes, pool.peak_worker_bytes, time.monotonic() - start


def test_there_are_at_least_500_cases_and_each_has_exactly_one_outcome(
    cases: dict[str, Case], run: tuple[Outcomes, int, float]
) -> None:
    assert len(cases) >= 500
    assert set(run[0]) == set(cases)
    assert all(isinstance(outcome, Decoded | ItemError) for outcome in run[0].values())


def test_no_decoder_dies_hangs_or_fails_in_an_unforeseen_way(run: tuple[Outcomes, int, float]) -> None:
    bad = {"decoder_died", "decoder_failed", "timeout", "out_of_memory"}
    assert {name: str(o) for name, o in run[0].items() if isinstance(o, ItemError) and o.item_code in bad} == {}


def test_no_worker_takes_a_gigabyte(run: tuple[Outcomes, int, float]) -> None:
    assert 0 < run[1] < GIGABYTE


def test_the_listed_files_give_the_listed_error(cases: dict[str, Case], run: tuple[Outcomes, int, float]) -> None:
    listed = {name: case.code for name, case in cases.items() if case.code is not None}
    found = {name: _code(run[0][name]) for name in listed}
    assert {n: (found[n], str(run[0][n])[:120]) for n in listed if found[n] != listed[n]} == {}


def test_every_error_has_a_known_code_a_cause_and_a_fix_and_leaks_nothing(run: tuple[Outcomes, int, float]) -> None:
    errors = {name: outcome for name, outcome in run[0].items() if isinstance(outcome, ItemError)}
    assert len(errors) > 100
    assert {name for name, e in errors.items() if e.item_code not in ITEM_CODES} == set()
    assert {name for name, e in errors.items() if len(e.cause) < 10 or len(e.fix) < 5} == set()
    assert {name: str(e) for name, e in errors.items() if LEAKS.search(str(e))} == {}


def test_whatever_decodes_is_sound(run: tuple[Outcomes, int, float]) -> None:
    for name, outcome in run[0].items():
        if isinstance(outcome, Decoded):
            assert outcome.pieces or outcome.embedded or outcome.trace or outcome.table, name
            for piece in outcome.pieces:
                _check_content(name, piece.content)


def test_most_mutants_of_compressed_pictures_are_refused(run: tuple[Outcomes, int, float]) -> None:
    """Proof that the corpus bites: its mutations do break files."""
    counts = Counter(_code(o) != "" for name, o in run[0].items() if name.startswith("picture-png-"))
    assert counts[True] >= 6


def test_paths_that_are_no_files_give_one_failure_each(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        found = {f.name: f for f in find_sources([tmp_path])}
    codes = {name: f.error.item_code for name, f in found.items() if isinstance(f, ItemFailure)}
    assert codes == {
        "self": "link_loop",
        "gone": "vanished",
        "up": "link_loop",
        "pipe": "not_a_file",
        "socket": "not_a_file",
    }


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/dev/zero", "not_a_file"),
        ("/proc/self/mem", "unreadable"),
        ("/nowhere/at/all", "vanished"),
        ("/", "not_a_file"),
    ],
)
def test_paths_that_cannot_be_read_give_their_own_code(path: str, code: str) -> None:
    with pytest.raises(ItemError) as caught:
        decode(source_of(Path(path)), Plan())
    assert caught.value.item_code == code


def _code(outcome: Decoded | ItemError) -> str:
    return outcome.item_code if isinstance(outcome, ItemError) else ""


def _check_content(name: str, content: object) -> None:
    if isinstance(content, Audio):
        assert content.array.dtype == np.float32, name
        assert np.isfinite(content.array).all(), name
        assert len(content.array) > 0, name
    elif isinstance(content, str):
        assert content.strip(), name
    elif isinstance(content, Trace):
        assert content.array.shape[1] == len(content.channels) == len(content.units), name
        assert np.isfinite(content.array).all(), name
        assert len(content.array) > 0, name
    elif isinstance(content, Row):
        assert len(content.columns) == len(content.types) == len(content.cells) == len(content.shares), name
        assert any(cell is not None for cell in content.cells), name
    else:
        assert isinstance(content, np.ndarray), name
        assert content.dtype == np.uint8, name
        assert content.ndim == 3, name
        assert min(content.shape) > 0, name
