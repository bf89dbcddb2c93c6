"""Spaces made of several: what their scores are, that they travel, and that they are refused once a member changed."""

import json
import pickle
import shutil
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from commonspace.apps.bridging import BridgePlan, bridge, bundle
from commonspace.core.errors import ModelError, UsageError
from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.projection import load_projection
from commonspace.encode.several.features import packed, unpacked
from commonspace.encode.several.making import Ingredient
from commonspace.ingest.plan import Plan
from commonspace.shell.cli.app import build
from commonspace.shell.cli.wiring import House

MEDIA: Final = Path(__file__).parents[1] / "data" / "labelled"
NAMES: Final = ("aeroplane", "bell", "bird", "car")
TEXTS: Final = [
    " ".join(words)
    for words in product(
        ("a loud", "an old"),
        ("aeroplane", "bell", "bird", "car", "camera", "dog"),
        ("near a church", "in the rain", "at dawn", "by the road"),
    )
]


def part_of_nano(folder: Path, name: str, *modalities: str) -> Path:
    """Some of the towers of nano: a space of its own."""
    shutil.copytree(catalog.folder_of("nano"), folder)
    told = json.loads((folder / "manifest.json").read_text())
    told |= {"name": name, "modalities": list(modalities), "fingerprint": name.ljust(64, "0"), "calibration": {}}
    told["parts"] = {each: told["parts"][each] for each in modalities}
    (folder / "manifest.json").write_text(json.dumps(told))
    return folder


@cache
def loaded(folder: Path) -> Embedder:
    """A folder that no test changes; compiling its towers takes seconds."""
    return catalog.load(folder, Plan())


def ingredient(folder: Path, weight: float = 1.0) -> Ingredient:
    card = catalog.card_of(folder)
    return Ingredient(space=card.space, folder=folder, licence=card.licence, weight=weight)


def nothing(what: str, done: int, total: int) -> None:
    assert what
    assert done <= total


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part_of_nano(tmp_path_factory.mktemp("look") / "look", "look", "text", "image")


@pytest.fixture(scope="module")
def hear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part_of_nano(tmp_path_factory.mktemp("hear") / "hear", "hear", "text", "audio")


@pytest.fixture(scope="module")
def pictures() -> list[Path]:
    return [MEDIA / "images" / f"{name}_1.jpg" for name in NAMES]


@pytest.fixture(scope="module")
def sounds() -> list[Path]:
    return [MEDIA / "sounds" / f"{name}_1.ogg" for name in NAMES]


@pytest.fixture(scope="module")
def members(look: Path, hear: Path) -> tuple[Embedder, Embedder]:
    return catalog.load(look, Plan()), catalog.load(hear, Plan())


@pytest.fixture(scope="module")
def bundled(look: Path, hear: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle([ingredient(look, 3.0), ingredient(hear)], tmp_path_factory.mktemp("bundle") / "both", "both")


@pytest.fixture(scope="module")
def joined(
    members: tuple[Embedder, Embedder],
    look: Path,
    hear: Path,
    pictures: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("bridge") / "joined"
    plan = BridgePlan(name="joined", texts=TEXTS, images=pictures, method="ridge")
    first, second = (ingredient(look), members[0]), (ingredient(hear), members[1])
    report = bridge(first, second, out, plan, nothing)
    assert report.num_texts == len(TEXTS)
    assert report.num_failed == 0
    assert set(report.scores) == {"ridge", "procrustes", "cca"}
    assert report.num_media == {"image": len(pictures)}
    return out


def test_arrays_of_any_kind_come_out_as_they_went_in() -> None:
    given = [np.arange(5), np.ones((2, 3, 4), np.uint8), np.zeros((0, 2), np.float32), np.float16([[1.5]])]

    array = packed(given)

    assert len(array) == 5
    for before, after in zip(given, unpacked(array), strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)


def test_a_bundle_s_score_is_the_weighted_sum_of_cosines_where_both_see(
    bundled: Path, members: tuple[Embedder, Embedder]
) -> None:
    embedder = loaded(bundled)
    rows = embedder.embed(TEXTS[:6])
    first, second = (member.embed(TEXTS[:6]) for member in members)

    assert embedder.space.dimension == 768
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows @ rows.T, 0.75 * first @ first.T + 0.25 * second @ second.T, atol=1e-4)


def test_what_one_member_sees_scores_by_the_root_of_its_weight_and_two_strangers_by_nothing(
    bundled: Path, members: tuple[Embedder, Embedder], pictures: list[Path], sounds: list[Path]
) -> None:
    embedder = loaded(bundled)
    texts, seen, heard = embedder.embed(TEXTS[:6]), embedder.embed(pictures), embedder.embed(sounds)

    expected = 0.75**0.5 * members[0].embed(TEXTS[:6]) @ members[0].embed(pictures).T
    np.testing.assert_allclose(texts @ seen.T, expected, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(heard, axis=1), 1, atol=1e-5)
    assert not (seen @ heard.T).any()


@pytest.mark.parametrize("made", ["bundled", "joined"])
def test_a_vector_is_the_same_alone_and_in_company(made: str, request: pytest.FixtureRequest) -> None:
    embedder = loaded(request.getfixturevalue(made))
    items: Sequence[object] = [
        *TEXTS[:9],
        Image.new("RGB", (60, 40), "navy"),
        Audio(np.ones(9000, np.float32) / 9, 16_000),
    ]
    alone = np.concatenate([embedder.embed([item]) for item in items])

    together = embedder.embed(items)

    assert (alone.astype(np.float64) * together).sum(axis=1).min() > 1 - 1e-6
    preparer = pickle.loads(pickle.dumps(embedder.preparer))  # noqa: S301  # as decode workers get it
    np.testing.assert_array_equal(
        preparer.value("x").pieces[0].features, embedder.preparer.value("x").pieces[0].features
    )


def test_a_bridge_compares_what_its_members_could_not(joined: Path, pictures: list[Path], sounds: list[Path]) -> None:
    embedder = loaded(joined)
    scores = embedder.embed(pictures) @ embedder.embed(sounds).T
    whole = catalog.load(catalog.folder_of("nano"), Plan())

    assert embedder.space.towers == (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)
    assert embedder.space.composed == (Modality.VIDEO,)
    own = whole.embed(pictures) @ whole.embed(sounds).T  # the two halves were one space once
    assert np.corrcoef(scores.ravel(), own.ravel())[0, 1] > 0.7


def test_texts_of_a_bridge_lie_alike_whichever_member_reads(
    members: tuple[Embedder, Embedder], look: Path, hear: Path, joined: Path, tmp_path: Path
) -> None:
    plan = BridgePlan(name="alone", texts=TEXTS, method="cca", reads="first")
    bridge((ingredient(look), members[0]), (ingredient(hear), members[1]), tmp_path / "alone", plan, nothing)

    alone, both = catalog.load(tmp_path / "alone", Plan()), loaded(joined)

    assert alone.space.fingerprint != both.space.fingerprint
    likeness = [embedder.embed(TEXTS) @ embedder.embed(TEXTS).T for embedder in (alone, both)]
    assert all((each.argmax(axis=1) == np.arange(len(TEXTS))).all() for each in likeness)


def test_a_trained_bridge_is_the_same_from_one_seed_and_not_its_start(
    members: tuple[Embedder, Embedder], look: Path, hear: Path, tmp_path: Path
) -> None:
    plan = BridgePlan(name="trained", texts=TEXTS, steps=4, options={"hidden": 16})
    first, second = (ingredient(look), members[0]), (ingredient(hear), members[1])
    reports = [bridge(first, second, tmp_path / name, plan, nothing) for name in ("one", "two")]

    assert reports[0].scores == reports[1].scores
    for side in ("first", "second"):
        learned = load_projection(tmp_path / "one" / "maps" / side).weights["branch.last.weight"]
        assert np.abs(learned).max() > 0  # where it starts all are zero
    spaces = [catalog.card_of(tmp_path / name).space for name in ("one", "two")]
    assert spaces[0].fingerprint == spaces[1].fingerprint
    assert catalog.load(tmp_path / "one", Plan()).embed(["a bell"]).shape == (1, 384)


def test_a_composite_can_be_a_member(bundled: Path, hear: Path, tmp_path: Path) -> None:
    nested = bundle([ingredient(bundled), ingredient(hear)], tmp_path / "nested", "nested")

    assert catalog.load(nested, Plan()).embed(["a bell"]).shape == (1, 768 + 384)


def test_the_folder_moves_and_the_fingerprint_stays(joined: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(joined, tmp_path / "elsewhere")

    assert catalog.card_of(moved).space == catalog.card_of(joined).space
    assert catalog.folder_of("elsewhere", tmp_path) == moved
    assert "joined" in (moved / "card.md").read_text()
    assert json.loads((moved / "run.json").read_text())["num_texts"] == len(TEXTS)


@pytest.mark.parametrize(
    ("name", "find", "other"),
    [
        ("members/0-look/manifest.json", '"fingerprint": "look', '"fingerprint": "lock'),
        ("maps/second/head.json", "linear", "linear "),
        ("space.json", '"members/0-look"', '"../0-look"'),
        ("space.json", '"members/0-look"', '"members/9"'),
        ("space.json", '"format": 1', '"format": 2'),
        ("space.json", '"member": 1', '"member": 7'),
        ("space.json", '"kind": "bridge"', '"kind": "bundle"'),
        ("space.json", '"modality": "audio"', '"modality": "table"'),
    ],
    ids=["member changed", "map changed", "traversal", "no member", "format", "no such member", "kind", "no tower"],
)
def test_a_changed_folder_is_refused(joined: Path, tmp_path: Path, name: str, find: str, other: str) -> None:
    copy = shutil.copytree(joined, tmp_path / "copy")
    text = (copy / name).read_text()
    assert find in text
    (copy / name).write_text(text.replace(find, other))

    with pytest.raises(ModelError):
        catalog.load(copy, Plan())


def test_a_member_that_leads_back_is_refused(joined: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(joined, tmp_path / "copy")
    shutil.rmtree(copy / "members" / "0-look")
    (copy / "members" / "0-look").symlink_to("..")

    with pytest.raises(ModelError, match="is not in"):
        catalog.load(copy, Plan())


def test_the_commands_make_the_same_spaces(look: Path, hear: Path, bundled: Path, tmp_path: Path) -> None:
    app, run = build(House()), CliRunner()
    (tmp_path / "texts.txt").write_text("\n".join([*TEXTS, "", TEXTS[0]]))

    side_by_side = run.invoke(app, ["models", "bundle", f"{look}=3", str(hear), "-o", str(tmp_path / "both"), "--json"])
    for name in NAMES:
        (tmp_path / "sounds").mkdir(exist_ok=True)
        shutil.copy(MEDIA / "sounds" / f"{name}_1.ogg", tmp_path / "sounds")
    options = ["--texts", str(tmp_path / "texts.txt"), "--sounds", str(tmp_path / "sounds"), "--method", "procrustes"]
    joined = run.invoke(
        app, ["models", "bridge", str(look), str(hear), *options, "-o", str(tmp_path / "new"), "--json"]
    )

    assert json.loads(side_by_side.stdout)["fingerprint"] == catalog.card_of(bundled).space.fingerprint
    told = json.loads(joined.stdout)
    assert told["num_texts"] == len(TEXTS)
    assert told["num_media"] == {"audio": 4}
    assert joined.exit_code == (3 if told["num_failed"] else 0)
    assert catalog.card_of(tmp_path / "new").space.name == "new"
    refused = run.invoke(app, ["models", "bundle", f"{look}=much", str(hear), "-o", str(tmp_path / "no")])
    assert refused.exit_code != 0
    assert "no number" in refused.stderr


def test_what_cannot_be_joined_is_refused_before_work(
    members: tuple[Embedder, Embedder], look: Path, tmp_path: Path
) -> None:
    def unwelcome(what: str, done: int, total: int) -> None:
        raise AssertionError((what, done, total))

    same = (ingredient(look), members[0])
    with pytest.raises(UsageError, match="nothing to each other"):
        bridge(same, same, tmp_path / "out", BridgePlan(name="out", texts=TEXTS), unwelcome)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="there already"):
        bridge(same, same, tmp_path / "full", BridgePlan(name="full", texts=TEXTS), unwelcome)
    with pytest.raises(UsageError, match="make a bundle"):
        bundle([same[0]], tmp_path / "one", "one")
