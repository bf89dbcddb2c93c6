"""What is said in a sound is indexed beside the sound: found by its words, with the moment."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from commonspace.apps.collection import Collection
from commonspace.apps.scribes import Scribes
from commonspace.apps.speech import with_speech
from commonspace.core.errors import ItemError
from commonspace.core.item import Audio
from commonspace.encode.speech import Passage, Transcriber, Transcript
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import source_of
from tests.fakes import FAKE_SPACE, fake_embedder

WORDS = "the night train leaves at ten"


class Scribe:
    """Hears the same words in every sound but a quiet one; remembers what it was given."""

    def __init__(self) -> None:
        self.heard: list[Audio] = []

    def transcribe(self, sound: Audio) -> Transcript:
        self.heard.append(sound)
        if float(np.abs(sound.array).max()) > 0.9:
            raise ItemError("transcription_failed", "It is too loud.", fix="Turn it down.")
        quiet = float(np.abs(sound.array).max()) < 0.1
        passages = () if quiet else (Passage(text=WORDS, start_seconds=1.5, end_seconds=3.25),)
        return Transcript(language="en", confidence=0.75, passages=passages)


def sound(path: Path, peak: float, seconds: float = 12.0) -> Path:
    noise = np.random.default_rng(0).uniform(-1, 1, int(16_000 * seconds))
    soundfile.write(path, noise * peak / np.abs(noise).max(), 16_000, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(workers=1) as started:
        yield started


Opens = Callable[[Transcriber | None], Collection]


@pytest.fixture
def opens(tmp_path: Path, pool: WorkerPool) -> Opens:
    path = tmp_path / "media.cs"
    Store.create(path, FAKE_SPACE).close()

    def opened(scribe: Transcriber | None) -> Collection:
        reader = Store.open(path, writable=False)
        make = None if scribe is None else lambda: Scribes(transcriber=scribe)
        return Collection(reader, partial(Store.open, path), fake_embedder, lambda: nullcontext(pool), None, make)

    return opened


def test_words_become_a_segment_with_their_moment_beside_the_sound(tmp_path: Path, opens: Opens) -> None:
    path, scribe = sound(tmp_path / "a.wav", 0.5), Scribe()

    with opens(scribe) as collection:
        report = collection.index([path])
        (hit,) = collection.search(WORDS, k=1)
        (by_sound,) = collection.search(path, k=1)

    assert (report.added, report.transcribed) == (1, 1)
    assert [len(each.array) for each in scribe.heard] == [12 * 16_000]
    assert hit.is_speech
    assert hit.score == pytest.approx(1.0, abs=1e-5)
    assert hit.segment is not None
    assert (hit.segment.text, hit.segment.span.start_seconds, hit.segment.span.end_seconds) == (WORDS, 1.5, 3.25)
    assert hit.metadata["language"] == "en"
    assert not by_sound.is_speech


def test_a_transcriber_hears_16_kilohertz_whatever_rate_the_space_hears_at(tmp_path: Path) -> None:
    own = fake_embedder().preparer
    preparer = replace(own, plan=replace(own.plan, audio_rate=48_000), keep_sound=True)
    scribe = Scribe()

    with_speech(preparer(source_of(sound(tmp_path / "a.wav", 0.5))), scribe, preparer)

    assert [(each.rate, len(each.array)) for each in scribe.heard] == [(16_000, 12 * 16_000)]


def test_the_items_notes_say_that_speech_was_transcribed(tmp_path: Path, opens: Opens) -> None:
    spoken, quiet = sound(tmp_path / "a.wav", 0.5), sound(tmp_path / "b.wav", 0.05)

    with opens(Scribe()) as collection:
        report = collection.index([spoken, quiet])

    with Store.open(tmp_path / "media.cs", writable=False) as store:
        notes = {item.name: item.notes for item in store.items()}
    assert report.transcribed == 1
    assert notes["a.wav"][-1] == "speech: transcribed, 1 passage in 'en' (confidence 0.75)"
    assert notes["b.wav"][-1] == "speech: none heard"


def test_a_sound_that_was_indexed_without_is_heard_once_speech_is_wanted(tmp_path: Path, opens: Opens) -> None:
    path = sound(tmp_path / "a.wav", 0.5)
    with opens(None) as collection:
        assert collection.index([path]).transcribed == 0

    with opens(Scribe()) as collection:
        again = collection.index([path])
        after = collection.index([path])

    assert (again.updated, again.transcribed) == (1, 1)
    assert (after.unchanged, after.transcribed) == (1, 0)


def test_a_transcription_that_fails_costs_the_words_not_the_sound(tmp_path: Path, opens: Opens) -> None:
    path = sound(tmp_path / "a.wav", 0.95)

    with opens(Scribe()) as collection:
        report = collection.index([path])
        (hit,) = collection.search(path, k=1)

    assert (report.added, report.transcribed) == (1, 0)
    assert [each.error.item_code for each in report.failures] == ["transcription_failed"]
    assert hit.name == "a.wav"


def test_texts_are_left_alone(tmp_path: Path, opens: Opens) -> None:
    (tmp_path / "note.txt").write_text("a dog")
    scribe = Scribe()

    with opens(scribe) as collection:
        assert collection.index([tmp_path / "note.txt"]).added == 1

    assert scribe.heard == []
