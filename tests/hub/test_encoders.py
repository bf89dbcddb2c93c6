"""Encoders of one modality give the library's last layer, pooled, alone and in any batch, and their exports agree."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.core.space import Tier
from commonspace.encode import catalog
from commonspace.encode.hub.families import read_checkpoint
from commonspace.encode.hub.optimise import optimise
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.runtime import Precision
from commonspace.ingest.plan import Plan
from tests.hub.encoders import IMAGE_ENCODERS, SOUND_ENCODERS, make_encoder, sounds
from tests.hub.parity import check

RATE = 16_000
SIZES = [(64, 48), (30, 30), (17, 40), (90, 33)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoders")


def made(kind: str, home: Path) -> Path:
    return home / kind if (home / kind).is_dir() else make_encoder(kind, home / kind)


def unit(rows: torch.Tensor) -> Any:
    return torch.nn.functional.normalize(rows, dim=-1).numpy()


@pytest.mark.parametrize("kind", sorted(SOUND_ENCODERS))
def test_sounds_have_the_mean_of_the_library_s_frames(kind: str, home: Path) -> None:
    from transformers import AutoFeatureExtractor, AutoModel

    folder = made(kind, home)
    model, extractor = AutoModel.from_pretrained(folder).eval(), AutoFeatureExtractor.from_pretrained(folder)
    clips = sounds(RATE)
    expected = []
    for clip in clips:
        given = extractor(clip.array, sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            if kind.startswith("whisper"):
                frames = model.get_encoder()(given["input_features"]).last_hidden_state
                frames = frames[:, : math.ceil(math.ceil(len(clip.array) / 160) / 2)]
            else:
                frames = model(given["input_values"]).last_hidden_state
        expected.append(unit(frames.mean(dim=1))[0])

    embedder = catalog.load(folder, Plan(), threads=1)

    alone = np.concatenate([embedder.embed([clip]) for clip in clips])
    check(("transformers", kind, "audio"), np.stack(expected), alone, embedder.embed(clips * 3))
    assert embedder.space.tier is Tier.UNIMODAL
    assert np.linalg.matrix_rank(alone, tol=1e-3) > 2


@pytest.mark.parametrize("kind", sorted(IMAGE_ENCODERS))
def test_pictures_have_the_library_s_class_token(kind: str, home: Path) -> None:
    from transformers import AutoImageProcessor, AutoModel

    folder = made(kind, home)
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoImageProcessor.from_pretrained(folder)
    random = np.random.default_rng(3)
    pictures = [Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in SIZES]
    expected = []
    for picture in pictures:
        with torch.inference_mode():
            frames = model(**processor(images=picture, return_tensors="pt")).last_hidden_state
        expected.append(unit(frames[:, 0])[0])

    embedder = catalog.load(folder, Plan(), threads=1)

    alone = np.concatenate([embedder.embed([picture]) for picture in pictures])
    check(("transformers", kind, "image"), np.stack(expected), alone, embedder.embed(pictures * 3))
    assert embedder.space.tier is Tier.UNIMODAL


def test_a_clip_shorter_than_one_frame_has_a_vector(home: Path) -> None:
    folder = made("hubert", home)
    clip = Audio(array=np.full(100, 0.1, np.float32), rate=RATE)
    checkpoint = read_checkpoint(folder)
    tower = checkpoint.tower(Modality.AUDIO, Running(threads=1))

    (row,) = tower.encode([tower.prepare(clip)])

    assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["clap-fused", "wav2vec2"])
def test_exports_give_the_same_vectors_in_batches_of_any_size(kind: str, home: Path) -> None:
    whole = read_checkpoint(made(kind, home))
    checkpoint = replace(whole, space=replace(whole.space, towers=(Modality.AUDIO,)))

    (export,) = optimise(checkpoint, home / f"out-{kind}", precision=Precision.F32, threads=1)

    assert export.least_cosine > 1 - 1e-5
    plain, quick = (
        checkpoint.tower(Modality.AUDIO, running)
        for running in (Running(threads=1), Running(threads=1, optimised=home / f"out-{kind}"))
    )
    contents = sounds(checkpoint.demands.audio_rate, (0.7, 1.3, 1.3, 7.3))
    features = [plain.prepare(content) for content in contents]
    np.testing.assert_allclose(quick.encode(features), plain.encode(features), atol=1e-4)
    np.testing.assert_allclose(quick.encode(features[:1]), plain.encode(features[:1]), atol=1e-4)


@pytest.mark.parametrize("kind", ["clap-fused", "wav2vec2", "whisper", "vit"])
def test_in_bfloat16_vectors_have_the_promised_cosine_and_unit_length(kind: str, home: Path) -> None:
    folder = made(kind, home)
    whole, half = (catalog.load(folder, Plan(), precision=each, threads=1) for each in (Precision.F32, Precision.BF16))
    for modality in whole.space.towers:
        tower, rate = half.tower(modality), half.preparer.plan.audio_rate
        contents = sounds(rate) if modality is Modality.AUDIO else sample_contents(modality, rate)[:6]
        features = [tower.prepare(content) for content in contents]

        rows = tower.encode(features)

        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
        assert (rows * whole.tower(modality).encode(features)).sum(axis=1).min() > 0.9995
