"""A space in other people's tools: copied, in scikit-learn, llm and clip_benchmark; with their own checks."""

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import commonspace
from commonspace.core.errors import ModelError, UsageError
from commonspace.encode import catalog
from commonspace.shell.integrations import clip_benchmark
from commonspace.shell.integrations.sklearn import Embed
from tests.fakes import fake_embedder

SAMPLES: Final = Path(__file__).parents[4] / "samples" / "media" / "images"
TEXTS: Final = ["a dog barking", "rain on a roof", "the last bus leaves at nine"]


def fake(name: str | None) -> Any:
    assert name in (None, "fake")
    return fake_embedder()


def test_a_saved_space_gives_the_same_vectors_and_has_the_same_fingerprint(tmp_path: Path) -> None:
    space = commonspace.load("nano")

    saved = space.save_pretrained(tmp_path / "copy")
    again = commonspace.load(str(saved))

    assert again.space == space.space
    np.testing.assert_array_equal(again.embed(TEXTS), space.embed(TEXTS))
    assert again.save_pretrained(tmp_path / "third").is_dir()


def test_a_saved_space_holds_no_link_no_pickle_and_no_code(tmp_path: Path) -> None:
    source = shutil.copytree(catalog.folder_of("nano"), tmp_path / "source")
    for name in ("pytorch_model.bin", "own.py", ".hidden"):
        (source / name).write_bytes(b"x")
    (source / "text.onnx").rename(tmp_path / "elsewhere")
    (source / "text.onnx").symlink_to(tmp_path / "elsewhere")

    saved = commonspace.load(str(source)).save_pretrained(tmp_path / "saved")

    names = {path.name for path in saved.iterdir()}
    assert not names & {"pytorch_model.bin", "own.py", ".hidden"}
    assert not (saved / "text.onnx").is_symlink()
    assert (saved / "text.onnx").stat().st_size > 1_000_000


def test_saving_overwrites_nothing_and_needs_files(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()

    with pytest.raises(UsageError, match="there already"):
        commonspace.load("nano").save_pretrained(tmp_path / "full")
    with pytest.raises(UsageError, match="has no files"):
        fake_embedder().save_pretrained(tmp_path / "new")


def test_the_transformer_passes_scikit_learn_s_checks() -> None:
    found = check_estimator(Embed(load=fake), on_skip=None, on_fail=None)

    failed = {each["check_name"]: each["exception"] for each in found if each["status"] == "failed"}
    assert not failed, failed
    assert sum(each["status"] == "passed" for each in found) > 30


@pytest.mark.filterwarnings("default")
def test_the_transformer_works_in_a_pipeline_and_names_its_columns() -> None:
    pipeline = make_pipeline(Embed(load=fake), LogisticRegression(C=1e4)).fit(TEXTS * 4, [0, 1, 1] * 4)
    embed = Embed(load=fake, dimensions=8).fit(TEXTS)

    assert pipeline.predict(TEXTS).tolist() == [0, 1, 1]
    assert list(embed.get_feature_names_out())[-1] == "embed7"
    np.testing.assert_array_equal(
        embed.transform(np.array([[text] for text in TEXTS], dtype=object)), embed.transform(TEXTS)
    )


def test_the_transformer_takes_media_and_says_what_it_does_not_take() -> None:
    embed = Embed(load=fake)

    assert embed.fit_transform([SAMPLES / "horse.jpg", Image.new("RGB", (9, 9))]).shape == (2, 32)
    with pytest.raises(ValueError, match="at least 1"):
        embed.transform([])


def test_llm_finds_the_spaces_and_embeds_with_them() -> None:
    llm = pytest.importorskip("llm")
    from commonspace.shell.integrations.llm import SpaceModel, register_embedding_models

    registered: list[Any] = []
    register_embedding_models(register=registered.append)
    model = SpaceModel("fake", load=fake)
    rows = list(model.embed_multi([*TEXTS, (SAMPLES / "horse.jpg").read_bytes()]))

    assert "commonspace/nano" in [each.model_id for each in registered]
    assert isinstance(model, llm.EmbeddingModel)
    np.testing.assert_allclose(rows[:3], fake_embedder().embed(TEXTS), atol=1e-6)
    assert len(rows) == 4
    assert model.embed(TEXTS[0]) == rows[0]


def test_clip_benchmark_s_loader_gives_the_space_s_vectors() -> None:
    """As its zero-shot classification calls it: pictures transformed and stacked, texts through the tokenizer."""
    import torch

    space = commonspace.load("nano")
    model, transform, tokenizer = clip_benchmark.load("nano", "", None, "cpu")
    pictures = [Image.open(SAMPLES / "horse.jpg"), Image.new("RGB", (300, 200), "teal")]

    with torch.no_grad():
        seen = model.to("cpu").eval().encode_image(torch.stack([transform(each) for each in pictures]).to("cpu"))
        read = model.encode_text(tokenizer(TEXTS).to("cpu"))

    np.testing.assert_allclose(seen.numpy(), space.embed(pictures), atol=1e-6)
    np.testing.assert_allclose(read.numpy(), space.embed(TEXTS), atol=1e-6)
    assert (seen @ read.T).shape == (2, 3)
    with pytest.raises(ModelError):
        clip_benchmark.load("no-such-space")
