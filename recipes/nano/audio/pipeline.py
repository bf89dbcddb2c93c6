"""Every stage of the recipe in order, each cached, so that a stopped run goes on.

Decode the packages, make sounds, label patches with the teacher, run the trunk over them, train the head, export,
judge, write the card and the index.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from rich.progress import track

from recipes.nano.audio.corpus import Decoded, HeldOut, decode_package
from recipes.nano.audio.export import compare_runtimes, export, open_openvino
from recipes.nano.audio.features import extract
from recipes.nano.audio.judge import GROUPS, agreement, clip_vectors, group_accuracy, group_of
from recipes.nano.audio.lessons import Lessons, gather_lessons
from recipes.nano.audio.library import Library, own_sounds
from recipes.nano.audio.packages import PACKAGES, SOUNDFONT
from recipes.nano.audio.report import provenance, write_card, write_index
from recipes.nano.audio.student import Shape, Student
from recipes.nano.audio.targets import Anchors
from recipes.nano.audio.teacher import Teacher, label_raw, label_scenes
from recipes.nano.audio.train import Schedule, train
from recipes.nano.audio.words import TextSpace, class_names, class_vectors, class_worth

__all__ = ["Inputs", "run"]

HELD_OUT = Path(__file__).with_name("held-out.txt")
"""Sounds that the project's own benchmarks use."""

NUM_SCENE_SHARDS = 20
JUDGED_ALONE = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Where everything comes from and goes to; ``teacher`` is the folder of YAMNet and its class map."""

    teacher: Path
    debs: Path
    work: Path
    out: Path
    seed: int = 0
    num_steps: int = 500

    def folder(self, name: str) -> Path:
        """A folder under the work folder, made if need be."""
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def run(inputs: Inputs) -> None:
    """Run every stage that is not yet done; ends with the model, its card and the corpus index written."""
    packages = _packages(inputs)
    library = Library.gather(packages, HeldOut.read(HELD_OUT))
    write_index(library, Path(__file__).with_name("corpus-index.tsv.gz"))
    labels, features = inputs.folder("labels"), inputs.folder("features")
    teacher = Teacher(inputs.teacher / "yamnet.tflite")
    _walk(label_raw(library, teacher, labels), "labelling recordings")
    _walk(label_scenes(library, teacher, labels, numbers=range(NUM_SCENE_SHARDS), seed=inputs.seed), "scenes")
    _walk(extract(labels, features), "features")
    lessons = gather_lessons(library, labels, features, _anchors(inputs))
    student, training = _train(inputs, lessons)
    model = inputs.out / "audio.onnx"
    export(student, model)
    training |= _judge(model, lessons, library)
    write_card(model, sources=provenance(packages, library), training=training, path=inputs.out / "audio.json")


def _walk(stage: Iterable[object], name: str) -> None:
    for _ in track(stage, description=name):
        pass


def _packages(inputs: Inputs) -> list[Decoded]:
    """Every package, decoded, and the recipe's own sounds last."""
    names = [SOUNDFONT, *(source.name for source in PACKAGES)]
    missing = [name for name in names if not _debs(inputs, name)]
    if missing:
        raise FileNotFoundError(f"Not in {inputs.debs}: fetch them with: apt-get download {' '.join(missing)}")
    folder = inputs.folder("corpus")
    decoded = [
        decode_package(source, _debs(inputs, source.name)[-1], folder)
        for source in track(PACKAGES, description="decoding packages")
    ]
    return [*decoded, own_sounds(folder, lambda: _soundfont(inputs), inputs.seed)]


def _debs(inputs: Inputs, name: str) -> list[Path]:
    return sorted(inputs.debs.glob(f"{name}_*.deb"))


def _soundfont(inputs: Inputs) -> Path:
    """Unpack the soundfont's package and say where the soundfont is."""
    folder = inputs.folder("soundfont")
    subprocess.run(["dpkg-deb", "-x", str(_debs(inputs, SOUNDFONT)[-1]), str(folder)], check=True)
    return next(folder.rglob("*.sf2"))


def _anchors(inputs: Inputs) -> Anchors:
    names = class_names(inputs.teacher / "yamnet_class_map.csv")
    cache = inputs.work / "anchors.npy"
    if not cache.exists():
        np.save(cache, class_vectors(names, TextSpace()))
    return Anchors(names=names, vectors=np.load(cache), worth=class_worth(names))


def _train(inputs: Inputs, lessons: Lessons) -> tuple[Student, dict[str, object]]:
    schedule = Schedule(num_steps=inputs.num_steps, seed=inputs.seed)
    torch.manual_seed(inputs.seed)
    torch.set_num_threads(1)  # the head is too small to share
    student = Student(Shape())
    student.head.fit(lessons.train.inputs)
    steps = train(student.head, lessons.train, schedule, inputs.work / "head.pt")
    last = [progress.loss for progress in track(steps, total=schedule.num_steps, description="training")][-50:]
    figures = {
        "num_patches": len(lessons.train.inputs),
        "schedule": asdict(schedule),
        "final_loss": round(float(np.mean(last)), 4) if last else None,
    }
    return student.eval(), figures


def _judge(model: Path, lessons: Lessons, library: Library) -> dict[str, object]:
    """What the exported file achieves on files that it was not trained on."""
    hear = open_openvino(model, "f32")
    heard = hear(lessons.valid_patches.astype(np.float32))
    agreed = agreement(heard, lessons.valid, lessons.anchors)
    space = TextSpace()
    prompts = np.stack([space(texts).mean(axis=0) for texts in GROUPS.values()])
    prompts /= np.linalg.norm(prompts, axis=1, keepdims=True)
    stems = {recording.key: recording.stem for recording in library.recordings}
    groups = [group_of(stems[int(key)]) or "" for key in np.unique(lessons.valid_keys)]
    grouped = group_accuracy(clip_vectors(heard, lessons.valid_keys), groups, prompts)
    runtimes = compare_runtimes(model, lessons.valid_patches[:JUDGED_ALONE].astype(np.float32))
    return {
        "agreement_on_unheard_files": asdict(agreed),
        "zero_shot_groups": {name: {"right": right, "of": total} for name, (right, total) in grouped.items()},
        "least_cosines": asdict(runtimes),
    }
