"""What the student of sounds is taught: a window says what its surest patches say, and a scene may be short."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recipes.nano.audio.scenes import LEAST_SAMPLES, SCENE_SAMPLES, make_scene
from recipes.nano.audio.shards import Shard
from recipes.nano.audio.targets import UNHEARD, Anchors, make_targets
from recipes.nano.coarsen import coarsen
from recipes.nano.graph import FLOAT, Graph

NUM_CLASSES = 12
LOUD, QUIET = -1.0, -6.0


@pytest.fixture
def anchors() -> Anchors:
    names = ("Silence", *(f"class {number}" for number in range(1, NUM_CLASSES)))
    vectors = np.eye(NUM_CLASSES, 16, dtype=np.float32)
    return Anchors(names=names, vectors=vectors, worth=np.ones(NUM_CLASSES, dtype=np.float32))


def said(*patches: dict[int, float]) -> NDArray[np.float16]:
    """Logits of one window of three patches: some classes' by number, -10 for the rest; others are unheard."""
    logits = np.full((1, 3, NUM_CLASSES), UNHEARD, dtype=np.float16)
    for place, known in enumerate(patches):
        logits[0, place] = -10
        for number, value in known.items():
            logits[0, place, number] = value
    return logits


def loud(*values: float) -> NDArray[np.float16]:
    return np.array([[*values, *[0.0] * (3 - len(values))]], dtype=np.float16)


def test_a_patch_that_is_not_there_takes_no_part(anchors: Anchors) -> None:
    alone = make_targets(said({3: 4.0}), loud(LOUD), anchors)
    twice = make_targets(said({3: 4.0}, {3: 4.0}), loud(LOUD, LOUD), anchors)
    np.testing.assert_allclose(alone.embedding, twice.embedding, atol=1e-6)
    assert int(alone.embedding.argmax()) == 3
    np.testing.assert_allclose(np.linalg.norm(alone.embedding, axis=1), 1.0, atol=1e-6)


def test_a_window_mixes_its_patches_by_how_surely_they_hear_something(anchors: Anchors) -> None:
    both = make_targets(said({3: 4.0}, {5: -1.0}), loud(LOUD, LOUD), anchors)
    shares = 1 / (1 + np.exp(-np.array([4.0, -1.0])))
    wanted = shares / np.linalg.norm(shares)
    np.testing.assert_allclose(both.embedding[0, [3, 5]], wanted, atol=0.01)
    assert both.weight[0] == pytest.approx(shares[0], abs=0.01)
    np.testing.assert_allclose(both.probability[0, [3, 5]], shares, atol=0.01)


def test_silence_is_believed_of_quiet_patches_only_and_weighs_next_to_nothing(anchors: Anchors) -> None:
    quiet, audible = (make_targets(said({0: 6.0, 3: -1.0}), loud(level), anchors) for level in (QUIET, LOUD))
    assert int(quiet.embedding.argmax()) == 0
    assert int(audible.embedding.argmax()) == 3
    silent = make_targets(said({0: 6.0}), loud(QUIET), anchors)
    assert silent.weight[0] == pytest.approx(0.02)


def test_a_scene_is_never_longer_than_a_window_nor_empty_and_the_same_for_a_seed() -> None:
    def pick(rng: np.random.Generator) -> NDArray[np.float32]:
        return rng.standard_normal(int(rng.integers(3_000, 90_000))).astype(np.float32) / 4

    scenes = [make_scene(np.random.default_rng((1, number)), pick) for number in range(60)]

    assert all(LEAST_SAMPLES <= scene.size <= SCENE_SAMPLES for scene in scenes)
    assert {scene.size == SCENE_SAMPLES for scene in scenes} == {True, False}
    assert all(np.abs(scene).max() <= 1 and scene.dtype == np.float32 for scene in scenes)
    np.testing.assert_array_equal(scenes[7], make_scene(np.random.default_rng((1, 7)), pick))


def test_a_shard_comes_back_as_it_was_written_and_leaves_no_half(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shard = Shard(
        features=rng.standard_normal((4, 6)).astype(np.float16),
        logits=rng.standard_normal((4, 3, 5)).astype(np.float16),
        loud=rng.standard_normal((4, 3)).astype(np.float16),
        sources=np.arange(12).reshape(4, 3),
    )
    shard.write(tmp_path / "raw-a-000.npz")
    back = Shard.read(tmp_path / "raw-a-000.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["raw-a-000.npz"]
    for name in ("features", "logits", "loud", "sources"):
        np.testing.assert_array_equal(getattr(back, name), getattr(shard, name))


def test_only_the_matrices_that_are_named_become_coarse() -> None:
    graph = Graph()
    matrix = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
    hidden = graph.dense("x", "encoder.first", matrix, np.zeros(256, dtype=np.float32))
    last = graph.dense(hidden, "head.last", matrix, np.zeros(256, dtype=np.float32))
    port = ("x", FLOAT, ["n", 256])
    model = coarsen(graph.model(inputs=[port], outputs={last: ("y", FLOAT, ["n", 256])}, notes=""), names=("head.",))
    names = {weight.name for weight in model.graph.initializer}
    assert "encoder.first.weight" in names
    assert {"head.last.weight.int8", "head.last.weight.scale"} <= names
