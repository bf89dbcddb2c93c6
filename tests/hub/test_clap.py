"""CLAP checkpoints give the library's vectors: log-mels, fusion and texts; what it leaves to chance is fixed here."""

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from commonspace.core.errors import ModelError
from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.hub.clap_mel import ClapPreparation
from commonspace.encode.hub.families import read_checkpoint
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import WORDS
from tests.hub.encoders import CLAPS, make_encoder, sounds
from tests.hub.parity import check

RATE = 48_000
LONG = (2.003, 2.01, 2.3, 4.7, 5.9)


@pytest.fixture(scope="module", params=sorted(CLAPS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(request.param, tmp_path_factory.mktemp("clap") / request.param)


@pytest.fixture(scope="module")
def library(folder: Path) -> tuple[Any, Any, Any]:
    from transformers import AutoFeatureExtractor, AutoTokenizer, ClapModel

    model = ClapModel.from_pretrained(folder, local_files_only=True).eval()
    return model, AutoTokenizer.from_pretrained(folder), AutoFeatureExtractor.from_pretrained(folder)


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return catalog.load(folder, Plan(), threads=1)


@pytest.fixture
def unrandom(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's dice, loaded: crops from the first place of the first third, the middle, the last of the last."""
    turns = cycle(("first", "middle", "last"))

    def choice(places: Any) -> Any:
        return {"first": places[0], "middle": places[len(places) // 2], "last": places[-1]}[next(turns)]

    monkeypatch.setattr(np.random, "choice", choice)


def audio_rows(library: tuple[Any, Any, Any], mel: NDArray[Any], *, longer: bool) -> NDArray[np.float32]:
    with torch.inference_mode():
        answer = library[0].get_audio_features(torch.from_numpy(mel)[None], is_longer=torch.tensor([[longer]]))
    return np.asarray(torch.nn.functional.normalize(answer.pooler_output, dim=-1)[0].numpy())


def test_texts_have_the_library_s_vectors_alone_and_in_any_batch(
    folder: Path, library: tuple[Any, Any, Any], embedder: Embedder
) -> None:
    model, tokenizer, _ = library
    expected = []
    for text in WORDS:
        given = tokenizer(text, truncation=True, max_length=50, return_tensors="pt")
        with torch.inference_mode():
            answer = model.get_text_features(given["input_ids"], given["attention_mask"])
        expected.append(torch.nn.functional.normalize(answer.pooler_output, dim=-1)[0].numpy())

    alone = np.concatenate([embedder.embed([word]) for word in WORDS])

    check(("transformers", folder.name, "text"), np.stack(expected), alone, embedder.embed(WORDS * 5))


def test_short_sounds_have_the_library_s_vectors_alone_and_in_any_batch(
    folder: Path, library: tuple[Any, Any, Any], embedder: Embedder
) -> None:
    clips = sounds(RATE)
    expected = [audio_rows(library, mel_of(library, clip), longer=False) for clip in clips]

    alone = np.concatenate([embedder.embed([clip]) for clip in clips])

    check(("transformers", folder.name, "audio"), np.stack(expected), alone, embedder.embed(clips * 5))


def mel_of(library: tuple[Any, Any, Any], clip: Audio) -> NDArray[np.float32]:
    given = library[2](clip.array, sampling_rate=RATE, return_tensors="np")
    return np.asarray(given["input_features"][0], dtype=np.float32)


@pytest.mark.usefixtures("unrandom")
def test_long_sounds_have_the_library_s_vectors_where_its_dice_fall_as_ours(
    folder: Path, library: tuple[Any, Any, Any], embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = embedder.preparer.preparations[Modality.AUDIO]
    tower = embedder.tower(Modality.AUDIO)
    clips = sounds(RATE, LONG)
    expected = []
    for clip in clips:
        over = len(clip.array) - 2 * RATE
        starts = [0] if "unfused" not in folder.name else np.rint(np.linspace(0, over, 1 + -(-over // (2 * RATE))))
        rows = []
        for start in starts:
            monkeypatch.setattr(np.random, "randint", lambda *_, start=start: int(start))
            mel = mel_of(library, clip)
            rows.append(audio_rows(library, mel, longer=not np.array_equal(mel[0], mel[-1])))
        mean = np.mean(rows, axis=0)
        expected.append(mean / np.linalg.norm(mean))

    features = [prepare(clip) for clip in clips]
    alone = np.concatenate([tower.encode([each]) for each in features])

    check(
        ("transformers", f"{folder.name}, long clips", "audio"), np.stack(expected), alone, tower.encode(features * 3)
    )


@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
@pytest.mark.parametrize("truncation", ["fusion", "rand_trunc"])
def test_log_mels_are_the_library_s(padding: str, truncation: str) -> None:
    from transformers import ClapFeatureExtractor

    extractor = ClapFeatureExtractor(padding=padding, truncation=truncation)
    prepare = ClapPreparation.read(extractor.to_dict())
    silence = Audio(array=np.zeros(RATE, np.float32), rate=RATE)

    for clip in [*sounds(RATE, (0.02, 3.0, 10.0)), silence]:
        expected = extractor(clip.array, sampling_rate=RATE, return_tensors="np")["input_features"][0]
        found = prepare(clip)[0]
        np.testing.assert_allclose(np.broadcast_to(found, expected.shape), expected, atol=1e-4)


def test_decoding_resamples_to_the_checkpoint_s_rate_and_window(folder: Path, embedder: Embedder) -> None:
    plan = embedder.preparer.plan
    assert plan.audio_rate == RATE
    assert plan.audio_window_seconds == (6 if folder.name == "clap-fused" else 2)
    low, high = sounds(16_000, (1.0,))[0], sounds(RATE, (1.0,))[0]
    assert (
        embedder.preparer.value(low).pieces[0].features.shape == embedder.preparer.value(high).pieces[0].features.shape
    )
    assert "resampled from 16000 to 48000 Hz" in embedder.preparer.value(low).notes


def test_what_was_done_to_the_crops_is_noted(folder: Path) -> None:
    assert any("deterministic crop" in note for note in read_checkpoint(folder).notes)


def test_a_model_that_fuses_with_an_extractor_that_does_not_is_refused(tmp_path: Path) -> None:
    folder = make_encoder("clap-fused", tmp_path / "clap")
    extractor = folder / "preprocessor_config.json"
    extractor.write_text(extractor.read_text().replace("fusion", "rand_trunc"))

    with pytest.raises(ModelError, match="differ on whether long clips are fused"):
        read_checkpoint(folder)


def test_a_model_that_lacks_weights_is_refused_instead_of_given_random_ones(tmp_path: Path) -> None:
    folder = make_encoder("clap-unfused", tmp_path / "clap")
    weights = load_file(folder / "model.safetensors")
    del weights["text_model.pooler.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelError, match=r"lacks 1 of its weights, text_model\.pooler\.dense\.weight"):
        catalog.load(folder, Plan(), threads=1).embed(["a dog"])


@pytest.mark.parametrize("field", ["sampling_rate", "max_length_s", "fft_window_size", "hop_length", "feature_size"])
@pytest.mark.parametrize("value", [0, -1, 10**12, "ten", None, 1e308], ids=str)
def test_an_extractor_with_a_number_that_no_sound_fits_is_refused(field: str, value: object) -> None:
    with pytest.raises(ModelError):
        ClapPreparation.read({field: value})
