"""The samples of recordings, from the folder in which their packages were decoded."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from commonspace.core.item import Audio
from recipes.corpus.record import Record
from recipes.nano.audio.corpus import RATE_HERTZ
from recipes.nano.audio.library import own_sounds

__all__ = ["recordings"]


def recordings(records: Iterable[Record], folder: Path) -> dict[str, Audio]:
    """What each record sounds like, by its key; one that was not decoded is missing."""
    wanted = {record.sha256: record.key for record in records}
    found: dict[str, Audio] = {}
    for index in sorted(folder.glob("*.json")):
        samples = np.load(index.with_suffix(".npy"), mmap_mode="r")
        for item in json.loads(index.read_text("utf-8"))["recordings"]:
            if item["sha256"] in wanted:
                heard = samples[item["start"] : item["start"] + item["length"]]
                found[wanted[item["sha256"]]] = Audio(heard.astype(np.float32) / 32767, RATE_HERTZ)
    own = own_sounds(folder, _no_soundfont, seed=0)
    for recording in own.recordings:
        if recording.sha256 in wanted:
            heard = own.samples[recording.start : recording.start + recording.length]
            found[wanted[recording.sha256]] = Audio(heard.astype(np.float32) / 32767, RATE_HERTZ)
    return found


def _no_soundfont() -> Path:
    raise FileNotFoundError("the recipe's own sounds were not made yet: run `make corpus`")
