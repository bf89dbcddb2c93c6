"""kill -9 at random moments of indexing: the store holds exactly what was acknowledged, and resuming completes it.

After every kill the oracle is the child's own lines: each acknowledged item is there, whole, with the content that was
acknowledged last; the batch that was in flight may be there or not, but never in part; nothing is there twice.
"""

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from time import monotonic

import numpy as np
import pytest
from PIL import Image

from commonspace.core.errors import StoreNotFound
from commonspace.index.records import item_id
from commonspace.index.store import Store
from commonspace.ingest.source import file_uri
from tests.fakes import FAKE_SPACE, fake_embedder

CYCLES = int(os.environ.get("COMMONSPACE_CRASH_CYCLES", "50"))
SEED = int(os.environ.get("COMMONSPACE_CRASH_SEED", "20261122"))
NUM_FILES = 400


@dataclass
class Oracle:
    """What the child has acknowledged: uri to content hash."""

    held: dict[str, str] = field(default_factory=dict)
    finished: bool = False

    def hear(self, lines: list[str]) -> None:
        """Replay acknowledgements; an unfinished last line was never said."""
        self.finished = False
        for line in lines:
            match line.split(" "):
                case ["+", uri, content_hash]:
                    self.held[uri] = content_hash
                case ["-", gone]:
                    self.held = {uri: value for uri, value in self.held.items() if item_id(uri) != gone}
                case ["done"]:
                    self.finished = True


def write_file(path: Path, rng: random.Random) -> None:
    """A small real file: a text, a picture or nothing but a broken one."""
    match rng.randrange(5):
        case 0:
            pixels = np.frombuffer(rng.randbytes(48 * 48 * 3), dtype=np.uint8).reshape(48, 48, 3)
            Image.fromarray(pixels).save(path.with_suffix(".png"))
        case 1:
            path.with_suffix(".jpg").write_bytes(b"\xff\xd8\xff\xe0" + rng.randbytes(200))
        case _:
            path.with_suffix(".txt").write_text("\n\n".join(f"word{rng.randrange(9999)} " * 60 for _ in range(3)))


def change_folder(folder: Path, rng: random.Random) -> None:
    """Add, rewrite and delete some files, as life does between two runs."""
    files = sorted(folder.iterdir())
    for path in rng.sample(files, min(len(files), 20)):
        path.unlink()
    for _ in range(NUM_FILES - len(files) + 20):
        write_file(folder / f"file{rng.randrange(10**9)}", rng)


def run_and_kill(store: Path, folder: Path, kill_after_seconds: float | None, log: Path) -> list[str]:
    """Run the child; ``kill -9`` it after some seconds (never, when None). Returns the whole lines it said."""
    command = [sys.executable, "-m", "tests.crash.indexing_child", str(store), str(folder)]
    with log.open("ab") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child:
        assert child.stdout is not None
        timer = Timer(kill_after_seconds or 0, child.kill)
        if kill_after_seconds is not None:
            timer.start()
        said = child.stdout.read()
        timer.cancel()
    assert child.returncode in {0, -signal.SIGKILL}, log.read_text()
    return said[: said.rfind("\n") + 1].splitlines()


def check(store: Path, oracle: Oracle, on_disk: dict[str, str]) -> None:
    """Compare the store with the acknowledgements; what is in flight may only be the folder's own content."""
    try:
        opened = Store.open(store, space=FAKE_SPACE, writable=False)
    except StoreNotFound:
        assert not oracle.held
        return
    with opened:
        assert opened.verify() == []
        items = list(opened.items())
        assert len({item.uri for item in items}) == len(items)
        held = {item.uri: item.content_hash for item in items}
        for uri, content_hash in held.items():
            assert content_hash in {oracle.held.get(uri), on_disk.get(uri)}, f"{uri} holds content nobody gave"
        for uri, content_hash in oracle.held.items():
            gone = uri not in on_disk
            assert uri in held or gone, f"{uri} was acknowledged and is lost"
            assert gone or held[uri] in {content_hash, on_disk[uri]}
        oracle.held = held


@pytest.fixture
def rng() -> random.Random:
    print(f"COMMONSPACE_CRASH_SEED={SEED}")
    return random.Random(SEED)


def test_killed_at_random_moments_nothing_acknowledged_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, rng: random.Random
) -> None:
    folder, store, log = tmp_path / "media", tmp_path / "media.cs", tmp_path / "child.log"
    folder.mkdir()
    change_folder(folder, rng)
    oracle, num_killed = Oracle(), 0
    started = monotonic()
    run_and_kill(tmp_path / "trial.cs", folder, None, log)
    whole_run_seconds = monotonic() - started
    for _ in range(CYCLES):
        change_folder(folder, rng)
        started = monotonic()
        oracle.hear(run_and_kill(store, folder, rng.uniform(0.2, 1.0) * whole_run_seconds, log))
        if oracle.finished:
            whole_run_seconds = monotonic() - started
        num_killed += not oracle.finished
        check(store, oracle, contents(folder))
    assert num_killed >= CYCLES // 2, "most runs ended before they were killed: the test proves little"
    assert run_and_kill(store, folder, None, log)[-1] == "done"
    check_complete(store, folder)


def contents(folder: Path) -> dict[str, str]:
    """The folder's own truth: uri to BLAKE3."""
    from blake3 import blake3

    return {file_uri(path): blake3(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def check_complete(store: Path, folder: Path) -> None:
    """After a run to the end the store is the folder: every usable file once, with the vectors of its content."""
    embedder = fake_embedder()
    answers = dict(zip(sorted(folder.iterdir()), embedder.try_embed(sorted(folder.iterdir())), strict=True))
    usable = {file_uri(path) for path, answer in answers.items() if not isinstance(answer, Exception)}
    with Store.open(store, space=FAKE_SPACE, writable=False) as opened:
        assert {item.uri for item in opened.items()} == usable
        pictures = [item for item in opened.items() if item.modality == "image"]
        for item in pictures:
            vector = opened.entry(item.id).vectors[0]
            path = next(path for path in answers if file_uri(path) == item.uri)
            np.testing.assert_allclose(vector, embedder.embed([path])[0], atol=1e-6)
