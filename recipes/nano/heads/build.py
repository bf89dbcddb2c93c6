"""From packages to the towers with heads: read, write the lessons, train, put what was promoted in place."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
import onnx
from numpy.typing import NDArray

from commonspace.align.pairs import Pairs
from commonspace.encode.runtime import Precision, load_graph
from commonspace.encode.texts import TextPreparation, TextTower
from recipes.corpus.record import Record, read_index
from recipes.nano.audio.pipeline import Heard, Inputs, finish, learn
from recipes.nano.gated import GatedHead
from recipes.nano.heads.lessons import Embed, Places, write_lessons, write_photographs
from recipes.nano.heads.refit import with_tested
from recipes.nano.heads.replay import Classifier
from recipes.nano.heads.sounds import Ears
from recipes.nano.image import NUM_BEST, TEMPERATURE, image_tower, picture_reader
from recipes.nano.manifest import INDEX, write_manifest
from recipes.nano.text import MAX_TOKENS
from recipes.nano.trunk import CLASSIFIER_BIAS, CLASSIFIER_WEIGHT

__all__ = ["Workplace", "build_heads", "prepare_lessons"]

ALL_ROWS = "pairs-all"
RECIPE = Path(__file__).with_name("heads.toml")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where things are: the corpus' media, the audio recipe's inputs, photographs to guard, and the model's folder."""

    media: Path
    audio: Inputs
    probes: Path
    work: Path
    out: Path

    @property
    def places(self) -> Places:
        """Where the lessons go."""
        return Places(media=self.media, reader=self.work / "reader.onnx", work=self.work)


def build_heads(
    workplace: Workplace, state: Mapping[str, NDArray[np.float32]], prototypes: NDArray[np.float32]
) -> None:
    """Train heads and write `image.onnx` and `audio.onnx`; the text tower must be in the folder already.

    Twice: once without the tested concepts, into the folder that `benchmarks/nano.py` judges, and once with them, as
    far along as the first run's valid split chose. The second ships, with the first one's manifest beside its own.
    """
    heard = prepare_lessons(workplace, state, prototypes)
    pairs = Pairs.load(workplace.places.pairs)
    with_tested(pairs).save(workplace.work / ALL_ROWS)
    first = _train(workplace, "run")
    alpha = json.loads((first / "manifest.json").read_text("utf-8"))["facts"]["alpha"]
    second = _train(workplace, "run-all", f"data.features={ALL_ROWS}", f"sweep.choose={alpha}", "sweep.alphas=[]")
    judged = workplace.work / "judged"
    shutil.copytree(workplace.out, judged, dirs_exist_ok=True)
    for run, out in ((first, judged), (second, workplace.out)):
        head = GatedHead.read(run / "promoted" / "image", workplace.places.scaling)
        onnx.save(image_tower(state, prototypes, head), out / "image.onnx")
        words = GatedHead.read(run / "promoted" / "audio", workplace.places.sound_scaling)
        finish(replace(workplace.audio, out=out), heard, words)
        shutil.copyfile(run / "manifest.json", out / "heads.json")
        shutil.copyfile(first / "manifest.json", out / "heads-judged.json")
        write_manifest(out)


def _train(workplace: Workplace, name: str, *changes: str) -> Path:
    """Run the recipe in the work folder, where what it names lies; returns the run's folder."""
    recipe, out = workplace.work / RECIPE.name, workplace.work / name
    shutil.copyfile(RECIPE, recipe)
    settings = [word for change in changes for word in ("--set", change)]
    subprocess.run(
        [sys.executable, "-m", "commonspace", "train", str(recipe), "--out", str(out), *settings], check=True
    )
    return out


def prepare_lessons(
    workplace: Workplace, state: Mapping[str, NDArray[np.float32]], prototypes: NDArray[np.float32]
) -> Heard:
    """Read every picture and sound, and write the rows to learn from and the probe."""
    workplace.work.mkdir(parents=True, exist_ok=True)
    records = read_index(INDEX)
    sounds = [record for record in records if record.modality == "audio"]
    heard = learn(workplace.audio, sounds)
    onnx.save(picture_reader(state, prototypes), workplace.places.reader)
    embed = _text_tower(workplace.out)
    ears = Ears(heard=workplace.audio.folder("heard"), student=heard.student, anchors=heard.anchors)
    heard.student.scaling.write(workplace.places.sound_scaling)
    classifier = _classifier(state, prototypes)
    write_lessons(records, workplace.places, classifier, (ears, _by_recording(heard, sounds)), embed)
    write_photographs(workplace.probes, workplace.places, embed, _photos(workplace))
    return heard


def _text_tower(out: Path) -> Embed:
    """Texts to unit vectors with the tower in `out`, which needs no manifest yet."""
    prepare = TextPreparation(out / "tokenizer.json", MAX_TOKENS)
    tower = TextTower(load_graph(out / "text.onnx", precision=Precision.BF16, threads=None), prepare)
    return lambda texts: tower.encode([prepare(text) for text in texts])


def _photos(workplace: Workplace) -> Path:
    return workplace.work / "photos"


def _classifier(state: Mapping[str, NDArray[np.float32]], prototypes: NDArray[np.float32]) -> Classifier:
    return Classifier(
        weight=state[CLASSIFIER_WEIGHT],
        bias=state[CLASSIFIER_BIAS],
        prototypes=prototypes,
        num_best=NUM_BEST,
        temperature=TEMPERATURE,
    )


def _by_recording(heard: Heard, sounds: Sequence[Record]) -> dict[int, Record]:
    """Sounds' records by the keys that the shards know them by."""
    records = {record.sha256: record for record in sounds}
    found = {item.key: records.get(item.sha256) for item in heard.library.recordings}
    return {key: record for key, record in found.items() if record is not None}
