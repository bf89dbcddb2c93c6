"""Tiny data sets in the true layouts of COCO, Karpathy's splits, ImageNet, AudioCaps and Clotho."""

import csv
import json
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["audiocaps", "clotho", "coco", "imagenet", "karpathy", "picture", "recording", "write_rows"]


def picture(path: Path, seed: int) -> Path:
    """A picture that no other seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    low, high = sorted(np.random.default_rng(seed).choice(256, 2, replace=False))
    pixels = np.random.default_rng(seed).integers(low, high, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return path


def recording(path: Path, seed: int) -> Path:
    """A quarter of a second of noise that no other seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).integers(-200 - 900 * seed, 200 + 300 * seed, 4000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path


def coco(folder: Path, num_images: int = 6, num_captions: int = 5) -> Path:
    """``annotations/captions_val2017.json`` and ``val2017/``, as cocodataset.org packs them."""
    images = [{"id": 100 + place, "file_name": f"{100 + place:012}.jpg"} for place in range(num_images)]
    annotations = [
        {"id": 1000 + 10 * place + number, "image_id": image["id"], "caption": f"caption {number} of {'xyzuvw'[place]}"}
        for place, image in enumerate(images)
        for number in range(num_captions)
    ]
    (folder / "annotations").mkdir(parents=True)
    told = {"info": {}, "licenses": [], "images": images, "annotations": annotations}
    (folder / "annotations" / "captions_val2017.json").write_text(json.dumps(told))
    for place, image in enumerate(images):
        picture(folder / "val2017" / str(image["file_name"]), place)
    return folder


def karpathy(folder: Path) -> Path:
    """``dataset_coco.json`` with three splits, and pictures under ``val2014/``; one has six sentences."""
    images = []
    for place, split in enumerate(["train", "test", "val", "test", "restval"]):
        name = f"COCO_val2014_{place:012}.jpg"
        sentences = [{"raw": f" sentence {number} of {place}.", "sentid": 10 * place + number} for number in range(6)]
        image = {"filepath": "val2014", "filename": name, "split": split, "cocoid": 500 + place, "imgid": place}
        images.append({**image, "sentences": sentences[: 6 if place == 1 else 5]})
        picture(folder / "val2014" / name, place)
    (folder / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))
    return folder


def imagenet(folder: Path) -> Path:
    """``val/SYNSET/*.JPEG`` and Kaggle's ``LOC_synset_mapping.txt``."""
    classes = {"n01440764": "tench, Tinca tinca", "n01443537": "goldfish, Carassius auratus", "n02123045": "tabby"}
    (folder / "val").mkdir(parents=True)
    (folder / "LOC_synset_mapping.txt").write_text("".join(f"{key} {name}\n" for key, name in classes.items()))
    for place, key in enumerate(classes):
        for number in range(3):
            picture(folder / "val" / key / f"ILSVRC2012_val_{10 * place + number:08}.JPEG", 10 * place + number)
    return folder


def write_rows(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """A table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def audiocaps(folder: Path) -> Path:
    """``test.csv`` with two captions a clip; clips are named in four ways, and one is missing."""
    clips = [("--0w1YA1Hm4", 30), ("-AheI8Epim4", 30), ("-BUWGM7qeUM", 10), ("-Gf4Ihv2zTc", 120), ("gone_-gone00", 0)]
    names = ["--0w1YA1Hm4.wav", "Y-AheI8Epim4.wav", "-BUWGM7qeUM_10_20.wav", "1006.wav"]
    rows: list[Sequence[object]] = [("audiocap_id", "youtube_id", "start_time", "caption")]
    for number in range(2):
        for place, (youtube, start) in enumerate(clips):
            rows.append((1000 + 2 * place + number, youtube, start, f"A sound, number {number}, of {'abcde'[place]}"))
    folder.mkdir(parents=True)
    write_rows(folder / "test.csv", rows)
    for place, name in enumerate(names):
        recording(folder / "wavs" / name, place)
    return folder


def clotho(folder: Path) -> Path:
    """``clotho_captions_evaluation.csv`` with five captions a file, and ``evaluation/``."""
    names = ["Santa Motor.wav", "Radio Garble.wav"]
    head = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    rows = [[name, *(f"{name} said {number} times" for number in range(5))] for name in names]
    folder.mkdir(parents=True)
    write_rows(folder / "clotho_captions_evaluation.csv", [head, *rows])
    for place, name in enumerate(names):
        recording(folder / "evaluation" / name, place)
    return folder
