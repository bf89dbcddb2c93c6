"""A recipe is read strictly: every mistake is named, with what was probably meant."""

from pathlib import Path

import pytest

from commonspace.align.recipe import Recipe, read
from commonspace.align.terms import Contrast, Distil
from commonspace.core.errors import UsageError

SMALL = """
name = "small"
[data]
features = "features"
[heads.image]
hidden = 8
"""


def told(folder: Path, text: str, **overrides: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text, "utf-8")
    return read(path, {name.replace("__", "."): value for name, value in overrides.items()})


def test_a_small_recipe_has_every_default(tmp_path: Path) -> None:
    recipe = told(tmp_path, SMALL)

    assert recipe.heads["image"].kind == "residual"
    assert recipe.losses == (Contrast(),)
    assert recipe.path("features") == tmp_path / "features"
    assert (recipe.plan.seed, recipe.plan.schedule.steps) == (0, 2000)


def test_losses_are_told_apart_by_their_kind(tmp_path: Path) -> None:
    losses = '[[losses]]\nkind = "sigmoid"\n[[losses]]\nkind = "distil"\nmodality = "image"\ntarget = "teacher"\n'

    assert told(tmp_path, SMALL + losses).losses == (
        Contrast(kind="sigmoid"),
        Distil(modality="image", target="teacher"),
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("hiden = 3", r"'heads.image.hiden'.*Did you mean 'hidden'\?"),
        ("[trainin]\nsteps = 3", r"'trainin'.*Did you mean 'training'\?"),
        ("[data.split]\nvaild = 0.1", r"'data.split.vaild'.*Did you mean 'valid'\?"),
        ('[[losses]]\nkind = "info_nce"\nwieght = 1', r"'losses.0.wieght'.*Did you mean 'weight'\?"),
        ('[[losses]]\nkind = "distil"\nmodality = "image"', "lacks 'losses.0.target'"),
        ('[[losses]]\nkind = "nce"', "'losses.0'.*'info_nce'"),
        ("[training]\nsteps = 0", "'training.steps'.*is 0: input should be greater"),
        ("[gate]\ntolerance = 2", "'gate.tolerance'.*is 2"),
        ('folder = "elsewhere"', "unknown key 'heads.image.folder'"),
        ("kind = residual", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_what_was_meant(more: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        told(tmp_path, f"{SMALL}{more}\n")


def test_a_recipe_without_a_name_or_a_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lacks 'name'"):
        told(tmp_path, SMALL.replace('name = "small"', ""))
    with pytest.raises(UsageError, match=r"'name'.*is '\.\./up'"):
        told(tmp_path, SMALL.replace("small", "../up"))
    with pytest.raises(UsageError, match="lacks 'heads'"):
        told(tmp_path, SMALL.partition("[heads")[0])


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "none.toml")


def test_any_key_can_be_overridden_as_toml_writes_it(tmp_path: Path) -> None:
    text = f'{SMALL}[[losses]]\nkind = "info_nce"\n'
    recipe = told(
        tmp_path, text, training__steps="7", losses__0__weight="0.5", gate__change='["text->image"]', device="cpu"
    )

    assert recipe.training.steps == 7
    assert recipe.losses[0].weight == 0.5
    assert recipe.gate.change == ("text->image",)
    assert recipe.device == "cpu"


@pytest.mark.parametrize("name", ["losses.5.weight", "name.first"])
def test_an_override_of_nothing_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        told(tmp_path, f'{SMALL}[[losses]]\nkind = "info_nce"\n', **{name.replace(".", "__"): "1"})
