"""Whisper through faster-whisper (the ``speech`` extra): a CTranslate2 folder, or a name in the local cache.

Nothing is downloaded: a name is looked up in the cache alone, and a folder must hold its own tokenizer.
"""

from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, final

import numpy as np

from commonspace.core.errors import ItemError, MissingExtra, ModelError
from commonspace.core.item import Audio
from commonspace.encode.speech import RATE_HERTZ, Passage, Transcript, joined

__all__ = ["Whisper"]

NEEDED = ("model.bin", "tokenizer.json")
SILENT = 0.6
UNSURE = -1.0
"""Whisper makes words up where none are: what it takes for silence, and is unsure of, is left out."""


@final
class Whisper:
    """A Whisper model on the CPU, in int8; the model is read when the first sound comes."""

    def __init__(self, model: str, *, threads: int | None = None) -> None:
        if find_spec("faster_whisper") is None:
            raise MissingExtra(
                "Transcribing speech needs faster-whisper.", fix="Run: pip install 'commonspace[speech]'"
            )
        self._folder = _folder(model)
        self._threads = threads or 0
        self._lock = Lock()
        self._loaded: Any = None

    def transcribe(self, sound: Audio) -> Transcript:
        """Write down what is said; stretches without a voice are skipped before Whisper hears them.

        Raises:
            ItemError: the sound is not mono at 16 kHz, or Whisper stops.
            ModelError: the model cannot be read.
        """
        samples = np.asarray(sound.array, np.float32)
        if sound.rate != RATE_HERTZ or samples.ndim != 1:
            cause = f"Speech is transcribed from mono sound at {RATE_HERTZ} Hz, not {samples.shape} at {sound.rate} Hz."
            raise ItemError("bad_value", cause, fix="Resample it.")
        with self._lock:
            model = self._model()
            try:
                segments, told = model.transcribe(
                    samples, vad_filter=True, condition_on_previous_text=False, beam_size=5, word_timestamps=True
                )  # without the times of words, sentences are said to begin up to seconds too early
                heard = [each for each in segments if each.no_speech_prob < SILENT or each.avg_logprob > UNSURE]
            except (RuntimeError, ValueError) as error:
                cause = f"Its speech could not be transcribed ({error})."
                raise ItemError("transcription_failed", cause, fix="Report it; the sound itself is indexed.") from error
        passages = [
            Passage(text=each.text.strip(), start_seconds=round(each.start, 3), end_seconds=round(each.end, 3))
            for each in heard
            if each.text.strip()
        ]
        confidence = round(float(told.language_probability), 3)
        return Transcript(language=str(told.language), confidence=confidence, passages=joined(passages))

    def _model(self) -> Any:
        if self._loaded is None:
            from faster_whisper import WhisperModel

            try:
                self._loaded = WhisperModel(
                    str(self._folder),
                    device="cpu",
                    compute_type="int8",
                    cpu_threads=self._threads,
                    local_files_only=True,
                )
            except (RuntimeError, ValueError, OSError) as error:
                raise ModelError(
                    f"The speech model in {self._folder} cannot be read: {error}.", fix="Convert or copy it anew."
                ) from error
        return self._loaded


def _folder(model: str) -> Path:
    """The folder of a model: the one named, or the cached one of that name.

    Raises:
        ModelError: it is not there, or lacks a file.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _cached(model)
    lacking = [name for name in NEEDED if not (folder / name).is_file()]
    if lacking:
        raise ModelError(
            f"The speech model in {folder} lacks {lacking[0]}.",
            fix="Name a folder with a Whisper model converted for CTranslate2: model.bin, tokenizer.json, config.json.",
        )
    return folder


def _cached(name: str) -> Path:
    from faster_whisper.utils import download_model

    try:
        return Path(download_model(name, local_files_only=True))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"There is no speech model '{name}' here: neither a folder nor in the local cache.",
            fix="Set speech_model to a folder with a Whisper model for CTranslate2; nothing is downloaded.",
        ) from error
