"""Every stage of the recipe in order, each cached, so that a stopped run goes on.

Decode the packages, make sounds, let encoder and teacher hear them, train the student without words. Once a head has
been trained with words: export both, judge, write the card.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from rich.progress import track

from recipes.corpus.record import Record
from recipes.nano.audio.corpus import Decoded
from recipes.nano.audio.encoder import read_encoder, sound_reader
from recipes.nano.audio.export import compare_runtimes, open_openvino, sound_tower
from recipes.nano.audio.gather import decode_all
from recipes.nano.audio.judge import GROUPS, agreement, clip_vectors, group_accuracy, group_of
from recipes.nano.audio.lessons import Lessons, gather_lessons, windows_of
from recipes.nano.audio.library import Library
from recipes.nano.audio.report import provenance, write_card
from recipes.nano.audio.student import Head, Shape
from recipes.nano.audio.targets import Anchors
from recipes.nano.audio.teacher import Listener, Teacher, hear_raw, hear_scenes
from recipes.nano.audio.train import Schedule, train
from recipes.nano.audio.words import TextSpace, class_names, class_vectors, class_worth
from recipes.nano.gated import GatedHead

__all__ = ["Heard", "Inputs", "finish", "learn"]

NUM_SCENE_SHARDS = 22
JUDGED_ALONE = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Where everything comes from and goes to; ``teacher`` is YAMNet's folder, ``encoder`` Whisper's file."""

    teacher: Path
    encoder: Path
    debs: Path
    work: Path
    out: Path
    seed: int = 0
    num_steps: int = 1_000

    def folder(self, name: str) -> Path:
        """A folder under the work folder, made if need be."""
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """What `learn` ends with: recordings, what was learnt from them, encoder, student without words, how it went."""

    packages: tuple[Decoded, ...]
    library: Library
    anchors: Anchors
    lessons: Lessons
    encoder: dict[str, NDArray[np.float32]]
    student: Head
    training: dict[str, object]


def learn(inputs: Inputs, records: Sequence[Record]) -> Heard:
    """Run every stage up to the student that is not yet done; ``records`` say which side each recording is on."""
    packages = decode_all(inputs.debs, inputs.work, inputs.seed)
    library = Library.gather(packages, {record.sha256: record.split for record in records})
    encoder = read_encoder(inputs.encoder)
    reader, heard = inputs.work / "reader.onnx", inputs.folder("heard")
    onnx.save(sound_reader(encoder), reader)
    listener = Listener(reader, Teacher(inputs.teacher / "yamnet.tflite"))
    _walk(hear_raw(library, listener, heard), "hearing recordings")
    _walk(hear_scenes(library, listener, heard, numbers=range(NUM_SCENE_SHARDS), seed=inputs.seed), "scenes")
    anchors = _anchors(inputs)
    lessons = gather_lessons(library, heard, anchors)
    student, training = _train(inputs, lessons)
    return Heard(
        packages=tuple(packages),
        library=library,
        anchors=anchors,
        lessons=lessons,
        encoder=encoder,
        student=student,
        training=training,
    )


def finish(inputs: Inputs, heard: Heard, head: GatedHead | None) -> None:
    """Export the student, with the head that was trained with words if there is one, and write its card."""
    model = inputs.out / "audio.onnx"
    onnx.save(sound_tower(heard.encoder, heard.student, head), model)
    training = heard.training | _judge(model, heard.lessons, heard.library)
    sources = provenance(heard.packages, heard.library)
    write_card(model, sources=sources, training=training, path=inputs.out / "audio.json")


def _walk(stage: Iterable[object], name: str) -> None:
    for _ in track(stage, description=name):
        pass


def _anchors(inputs: Inputs) -> Anchors:
    names = class_names(inputs.teacher / "yamnet_class_map.csv")
    cache = inputs.work / "anchors.npy"
    if not cache.exists():
        np.save(cache, class_vectors(names, TextSpace()))
    return Anchors(names=names, vectors=np.load(cache), worth=class_worth(names))


def _train(inputs: Inputs, lessons: Lessons) -> tuple[Head, dict[str, object]]:
    schedule = Schedule(num_steps=inputs.num_steps, seed=inputs.seed)
    torch.manual_seed(inputs.seed)
    torch.set_num_threads(1)  # the head is too small to share
    student = Head(Shape())
    student.fit(lessons.train.inputs)
    steps = train(student, lessons.train, schedule, inputs.work / "student.pt")
    last = [progress.loss for progress in track(steps, total=schedule.num_steps, description="training")][-50:]
    figures = {
        "num_windows": len(lessons.train.inputs),
        "schedule": asdict(schedule),
        "final_loss": round(float(np.mean(last)), 4) if last else None,
    }
    return student.eval(), figures


def _judge(model: Path, lessons: Lessons, library: Library) -> dict[str, object]:
    """What the exported file achieves on files that it was not trained on."""
    hear = open_openvino(model, "f32")
    windows = windows_of(library, lessons.valid_keys)
    heard = hear(windows)
    agreed = agreement(heard, lessons.valid, lessons.anchors)
    space = TextSpace()
    prompts = np.stack([space(texts).mean(axis=0) for texts in GROUPS.values()])
    prompts /= np.linalg.norm(prompts, axis=1, keepdims=True)
    stems = {recording.key: recording.stem for recording in library.recordings}
    groups = [group_of(stems[int(key)]) or "" for key in np.unique(lessons.valid_keys)]
    grouped = group_accuracy(clip_vectors(heard, lessons.valid_keys), groups, prompts)
    runtimes = compare_runtimes(model, windows[:JUDGED_ALONE])
    return {
        "agreement_on_unheard_files": asdict(agreed),
        "zero_shot_groups": {name: {"right": right, "of": total} for name, (right, total) in grouped.items()},
        "least_cosines": asdict(runtimes),
    }
