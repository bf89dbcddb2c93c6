"""A gated head as graph nodes is the head that was trained, and a made-up photograph is what the tower says it is."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional

from commonspace.align.heads import Head, HeadSpec, build_head, save_head
from recipes.nano.gated import GatedHead, Scaling, add_gated
from recipes.nano.graph import FLOAT, Graph
from recipes.nano.heads.meetings import with_meetings
from recipes.nano.heads.readings import Readings
from recipes.nano.heads.refit import with_tested
from recipes.nano.heads.replay import Classifier, made_up
from recipes.nano.heads.rows import Row, to_pairs
from recipes.nano.trunk import NUM_DEPTHS, NUM_POOLED

WIDTH, SPACE = 24, 8
SPEC = HeadSpec(kind="gated", hidden=16, base=SPACE, start="random", gate=0.3)


@pytest.fixture
def head() -> Head:
    made = build_head(SPEC, WIDTH + SPACE, SPACE, generator=torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        made.gate.weight.normal_(generator=torch.Generator().manual_seed(2))
    return made


def unit_rows(rng: np.random.Generator, num_rows: int) -> np.ndarray:
    rows = rng.standard_normal((num_rows, SPACE)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_graph_gives_what_the_trained_head_gives(head: Head, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    features = (5 + 3 * rng.standard_normal((6, WIDTH))).astype(np.float32)
    base = unit_rows(rng, 6)
    scaling = Scaling.of(features)
    scaling.write(tmp_path / "scaling.safetensors")
    save_head(tmp_path, head, SPEC)
    graph = Graph()
    vectors = add_gated(graph, "features", "base", GatedHead.read(tmp_path, tmp_path / "scaling.safetensors"))
    ports = [("features", FLOAT, ["n", WIDTH]), ("base", FLOAT, ["n", SPACE])]
    model = graph.model(inputs=ports, outputs={vectors: ("embedding", FLOAT, ["n", SPACE])}, notes="")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.run(["embedding"], {"features": features, "base": base})
    with torch.inference_mode():
        wanted = functional.normalize(head(torch.from_numpy(np.hstack([scaling(features), base]))), dim=1)
    np.testing.assert_allclose(given, wanted.numpy(), atol=1e-5)
    assert np.abs(given - base).max() > 0.01


@pytest.fixture
def classifier() -> Classifier:
    rng = np.random.default_rng(3)
    return Classifier(
        weight=rng.standard_normal((40, NUM_POOLED)).astype(np.float32) / 10,
        bias=np.zeros(40, dtype=np.float32),
        prototypes=unit_rows(rng, 40),
        num_best=4,
        temperature=1.5,
    )


def test_an_opinion_is_the_weighted_mean_of_the_likeliest_classes(classifier: Classifier) -> None:
    pooled = np.random.default_rng(4).random((3, NUM_POOLED)).astype(np.float32)
    for row, given in zip(pooled, classifier.opinion(pooled), strict=True):
        logits = [float(row @ weight) / 1.5 for weight in classifier.weight]
        best = sorted(range(40), key=lambda place: -logits[place])[:5]
        shares = np.exp([logits[place] for place in best])
        shares /= shares.sum()
        mean = sum((shares[i] - shares[4]) * classifier.prototypes[best[i]] for i in range(4))
        np.testing.assert_allclose(given, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_made_up_reading_keeps_real_depths_and_says_what_the_classifier_would(classifier: Classifier) -> None:
    rng = np.random.default_rng(5)
    real = Readings(
        keys=("a", "b"),
        features=rng.random((2, NUM_POOLED + NUM_DEPTHS)).astype(np.float16),
        base=unit_rows(rng, 2),
    )
    made = made_up(real, classifier, number=9, seed=0)
    assert made.features.shape == (9, NUM_POOLED + NUM_DEPTHS)
    assert {row.tobytes() for row in made.features[:, NUM_POOLED:]} <= {
        row.tobytes() for row in real.features[:, NUM_POOLED:]
    }
    again = classifier.opinion(made.features[:, :NUM_POOLED].astype(np.float32))
    assert (again * made.base).sum(axis=1).min() > 0.999
    assert (made_up(real, classifier, number=9, seed=0).features == made.features).all()


def test_rows_that_lack_a_view_lack_it_in_the_pairs() -> None:
    seen = Row(key="a", concept="dog", split="train", views={"image": np.ones((1, 3)), "text": np.ones((2, 4))})
    heard = Row(key="b", concept="dog", split="test", views={"audio": np.ones((3, 5)), "text": np.ones((1, 4))})
    pairs = to_pairs([seen, heard])
    assert pairs.of("image").counts.tolist() == [1, 0]
    assert pairs.of("audio").counts.tolist() == [0, 3]
    assert pairs.of("text").counts.tolist() == [2, 1]
    assert pairs.splits == ("train", "test")


def test_a_sound_meets_pictures_of_its_concept_and_no_others() -> None:
    def views(**shapes: tuple[int, int]) -> dict[str, np.ndarray]:
        return {name: np.full(shape, len(name), dtype=np.float32) for name, shape in shapes.items()}

    picture = {"image": (1, 3), "image_base": (1, 2), "text": (1, 2)}
    sound = {"audio": (2, 4), "audio_base": (2, 2), "text": (1, 2)}
    pairs = to_pairs(
        [
            Row(key="p", concept="dog", split="train", views=views(**picture)),
            Row(key="q", concept="cat", split="train", views=views(**picture)),
            Row(key="s", concept="dog", split="train", views=views(**sound)),
            Row(key="t", concept="dog", split="test", views=views(**sound)),
        ]
    )
    met = with_meetings(pairs, seed=0)
    assert met.keys == ("p", "q", "s", "t", "meeting-s")
    assert met.of("image").counts.tolist() == [1, 1, 0, 0, 1]
    assert met.of("audio").counts.tolist() == [0, 0, 2, 2, 2]
    assert met.where("train").take(np.arange(3)).digest == pairs.where("train").digest


def test_a_refit_learns_from_tested_rows_and_never_from_valid_ones() -> None:
    names = [("train", "a"), ("test", "b"), *(("valid", f"v{number}") for number in range(12)), ("valid", "v3")]
    rows = [
        Row(key=str(place), concept=concept, split=split, views={"text": np.ones((1, 2))})
        for place, (split, concept) in enumerate(names)
    ]
    sides = with_tested(to_pairs(rows)).splits
    assert sides[:2] == ("train", "train")
    assert set(sides[2:]) == {"valid", "test"}
    assert sides[2 + 3] == sides[-1]
