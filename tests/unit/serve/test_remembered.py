"""Remembered answers: under a key that nothing else shares, within bounds, across a restart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.ingest.source import source_of
from commonspace.serve.answer import Answer, Usage
from commonspace.serve.remembered import OVERHEAD_BYTES, AnswerCache, DiskAnswers, answer_key

ANSWER = Answer(
    vector=np.array([0.6, 0.8], dtype=np.float32),
    modality=Modality.IMAGE,
    notes=("first frame only",),
    truncated=True,
    usage=Usage(pixels=7, seconds=1.5),
)
SIZE = ANSWER.vector.nbytes + OVERHEAD_BYTES


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_no_two_contents_kinds_spaces_or_tenants_share_a_key() -> None:
    text, media = source_of("a"), source_of(b"a")
    keys = {
        answer_key(text, "f", "t"),
        answer_key(media, "f", "t"),
        answer_key(source_of("b"), "f", "t"),
        answer_key(text, "g", "t"),
        answer_key(text, "f", "u"),
        answer_key(replace(text, asked=True), "f", "t"),
    }

    assert len(keys) == 6
    assert answer_key(source_of("a"), "f", "t") in keys


def test_files_on_the_servers_side_have_no_key() -> None:
    with pytest.raises(TypeError):
        answer_key(source_of(Path("x.png")), "f", "t")


def test_the_least_recently_used_answer_goes_first() -> None:
    cache = AnswerCache(3 * SIZE)
    for number in range(3):
        cache.put(key(number), ANSWER)
    assert cache.get(key(0)) is ANSWER
    cache.put(key(3), ANSWER)

    assert [cache.get(key(number)) is not None for number in range(4)] == [True, False, True, True]
    assert cache.num_bytes == 3 * SIZE
    assert len(cache) == 3


def test_an_answer_larger_than_the_room_is_not_kept() -> None:
    cache = AnswerCache(SIZE - 1)
    cache.put(key(1), ANSWER)

    assert (len(cache), cache.num_bytes) == (0, 0)


def test_the_disk_remembers_across_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    cache = AnswerCache(10 * SIZE, DiskAnswers(path, 1_000_000))
    cache.put(key(1), ANSWER)
    cache.close()

    reopened = AnswerCache(10 * SIZE, DiskAnswers(path, 1_000_000))
    answer = reopened.get(key(1))
    missing = reopened.get(key(2))
    reopened.close()

    assert missing is None
    assert answer is not None
    assert np.array_equal(answer.vector, ANSWER.vector)
    assert replace(answer, vector=ANSWER.vector) != answer  # compared by identity: look at the fields
    assert (answer.modality, answer.notes, answer.truncated, answer.usage) == (
        ANSWER.modality,
        ANSWER.notes,
        ANSWER.truncated,
        ANSWER.usage,
    )
    assert path.stat().st_mode & 0o077 == 0


def test_the_disk_keeps_within_its_bounds(tmp_path: Path) -> None:
    disk = DiskAnswers(tmp_path / "answers.db", 20_000)
    for number in range(2048):
        disk.put(key(number), ANSWER)
    kept = [number for number in range(2048) if disk.get(key(number)) is not None]
    disk.close()

    assert 50 < len(kept) < 256
    assert kept == list(range(2048 - len(kept), 2048))
