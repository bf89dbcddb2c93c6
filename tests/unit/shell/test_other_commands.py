"""``info``, ``remove``, ``models``, ``settings show`` and the command as a whole."""

import json
from pathlib import Path

import pytest

from tests.fakes import FAKE_SPACE
from tests.unit.shell.conftest import Run
from tests.unit.shell.fake_house import FakeHouse


def test_info_says_what_a_store_holds(run: Run) -> None:
    printed = run("info", "--store", "media.cs").stdout

    assert "fake (trimodal, 32 dimensions, text, image, audio, video)" in printed
    assert "3: 2 image, 1 text" in printed
    assert "1.2 MB" in printed


def test_info_as_json(run: Run) -> None:
    document = json.loads(run("info", "--store", "media.cs", "--json").stdout)

    assert (document["path"], document["num_items"], document["items"]) == ("media.cs", 3, {"image": 2, "text": 1})
    assert document["space"]["fingerprint"] == FAKE_SPACE.fingerprint


def test_info_does_not_create_a_store(run: Run, house: FakeHouse) -> None:
    run("info", "--store", "media.cs")

    assert house.opened == [(Path("media.cs"), False)]


def test_remove_says_how_many_went(run: Run, house: FakeHouse) -> None:
    house.collection.held = {"abc": 1, "/media/dogs": 4}

    result = run("remove", "abc", "/media/dogs", "--store", "media.cs")

    assert (result.exit_code, result.stdout) == (0, "Removed 5 items.\n")


def test_remove_as_json(run: Run, house: FakeHouse) -> None:
    house.collection.held = {"abc": 1}

    document = json.loads(run("remove", "abc", "--store", "media.cs", "--json").stdout)

    assert document == {"removed": 1, "targets": {"abc": 1}}


def test_removing_what_is_not_there_exits_1_after_removing_the_rest(run: Run, house: FakeHouse) -> None:
    house.collection.held = {"abc": 1}

    result = run("remove", "nope", "abc", "--store", "media.cs")

    assert (result.exit_code, result.stdout) == (1, "Removed 1 item.\n")
    assert "error: The store holds nothing called nope" in result.stderr
    assert house.collection.held == {}


def test_models_lists_spaces(run: Run) -> None:
    printed = run("models").stdout

    assert "trimodal" in printed
    assert "55 MB" in printed
    assert "fake: A space for tests." in printed


def test_models_as_json(run: Run) -> None:
    (card,) = json.loads(run("models", "--json").stdout)["spaces"]

    assert (card["name"], card["tier"], card["dimension"]) == ("fake", "trimodal", 32)
    assert card["modalities"] == ["text", "image", "audio", "video"]
    assert (card["licence"], card["num_bytes"]) == ("Apache-2.0", 55_000_000)


def test_settings_show_names_the_layer_of_each_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("commonspace.toml").write_text('model = "mine"\n[limits]\nimage_pixels = 1000\n')
    monkeypatch.setenv("COMMONSPACE_LIMITS__ITEM_SECONDS", "9")

    document = json.loads(run("settings", "show", "--set", "threads=2", "--json").stdout)["settings"]

    assert document["model"] == {"value": "mine", "source": "commonspace.toml"}
    assert document["limits.image_pixels"] == {"value": 1000, "source": "commonspace.toml"}
    assert document["limits.item_seconds"] == {"value": 9.0, "source": "COMMONSPACE_LIMITS__ITEM_SECONDS"}
    assert document["threads"] == {"value": 2, "source": "flag"}
    assert document["workers"] == {"value": 0, "source": "default"}


def test_settings_show_prints_every_name_in_full(run: Run) -> None:
    printed = run("settings", "show").stdout

    assert "limits.audio_shortest_seconds" in printed
    assert "…" not in printed


def test_a_bad_setting_is_answered_like_any_error(run: Run) -> None:
    result = run("settings", "show", "--set", "wokers=2", "--json")

    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert (error["code"], "Did you mean 'workers'?" in error["fix"]) == ("usage", True)


def test_help_names_every_command(run: Run) -> None:
    printed = run("--help").stdout

    commands = ("index", "search", "embed", "info", "remove", "models", "settings")
    assert [name for name in commands if f"\n  {name} " not in printed] == []


@pytest.mark.parametrize("command", ["index", "search", "embed", "info", "remove", "models"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    result = run(command, "--help")

    assert (result.exit_code, "--json" in result.stdout) == (0, True)


def test_version_is_one_line(run: Run) -> None:
    result = run("--version")

    assert (result.exit_code, result.stdout.startswith("commonspace ")) == (0, True)
    assert len(result.stdout.splitlines()) == 1


def test_no_command_is_a_usage_error(run: Run) -> None:
    assert run().exit_code == 2
