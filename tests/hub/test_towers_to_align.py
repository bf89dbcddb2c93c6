"""A recipe names checkpoints as towers for single modalities; their heads and towers become a space of its own."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

from commonspace.align.plan import Progress
from commonspace.align.recipe import read
from commonspace.apps.train.run import RunReport, train
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.projection import load_projection
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import make
from tests.hub.encoders import make_encoder

RECIPE = """
name = "towers"
[data]
pairs = "pairs.jsonl"
space = "{home}/clip"
towers = {{ {modality} = "{home}/vit" }}
[heads.image]
kind = "linear"
[training]
steps = 4
batch = 8
warmup = 0.1
[closed_forms]
strengths = [1.0]
[gate]
tolerance = 1.0
"""


class Silent:
    """Nobody wants to know."""

    def stage(self, words: str) -> None:
        """Say nothing."""

    def step(self, progress: Progress) -> None:
        """Say nothing."""


def opened(name: str | None) -> Embedder:
    return catalog.load(Path(name or ""), Plan(), threads=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("towers")
    make("clip", home / "clip")
    make_encoder("vit", home / "vit")
    random = np.random.default_rng(2)
    rows = []
    for number in range(40):
        Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(home / f"{number}.png")
        rows.append(orjson.dumps({"text": f"a dog number {number}", "image": f"{number}.png"}))
    (home / "pairs.jsonl").write_bytes(b"\n".join(rows))
    return home


@pytest.fixture(scope="module")
def report(home: Path) -> RunReport:
    (home / "recipe.toml").write_text(RECIPE.format(home=home, modality="image"))
    return train(read(home / "recipe.toml"), home / "run", opened, Silent(), started="2026-01-01T00:00:00Z")


def test_a_modality_is_trained_on_the_features_of_the_tower_that_the_recipe_names(
    home: Path, report: RunReport
) -> None:
    facts = report.manifest.to_dict()["data"]

    assert facts["towers"]["image"]["fingerprint"] == catalog.card_of(home / "vit").space.fingerprint
    assert load_projection(report.heads / "image").inputs == catalog.card_of(home / "vit").space.dimension
    assert load_projection(report.heads / "image").outputs == catalog.card_of(home / "clip").space.dimension


def test_its_heads_and_towers_are_a_space_of_their_own(home: Path, report: RunReport) -> None:
    assert report.verdict.promoted
    space, clip, vit = (opened(str(folder)) for folder in (home / "run" / "space", home / "clip", home / "vit"))
    picture = Image.open(home / "3.png")
    head = load_projection(report.heads / "image")

    np.testing.assert_allclose(space.embed([picture]), head(vit.embed([picture])), atol=1e-5)
    np.testing.assert_allclose(space.embed(["a dog"]), clip.embed(["a dog"]), atol=1e-5)
    assert space.space.towers == (Modality.TEXT, Modality.IMAGE)
    assert any("space of these heads" in note for note in report.notes)


def test_a_tower_for_a_modality_that_it_has_not_is_refused(home: Path) -> None:
    (home / "wrong.toml").write_text(RECIPE.format(home=home, modality="text"))

    with pytest.raises(UsageError, match="has no tower for 'text'"):
        train(read(home / "wrong.toml"), home / "wrong", opened, Silent(), started="2026-01-01T00:00:00Z")
