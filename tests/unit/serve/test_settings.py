"""Settings: four layers, each over the one before, and no name or value taken on trust."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from commonspace.core.errors import UsageError
from commonspace.ingest.limits import Limits
from commonspace.serve.settings import Settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMMONSPACE_EXPORT_MODELS", raising=False)


def sources(flags: dict[str, object] | None = None) -> dict[str, str]:
    return {each.name: each.source for each in Settings.load(flags).origins(flags)}


def test_everything_has_a_default() -> None:
    settings = Settings.load()

    assert (settings.model, settings.workers, settings.precision, settings.limits) == ("nano", 0, "auto", Limits())
    assert set(sources().values()) == {"default"}


def test_each_layer_wins_over_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("commonspace.toml").write_text("workers = 1\nthreads = 1\nmodel = 'a'\n")
    monkeypatch.setenv("COMMONSPACE_THREADS", "2")
    monkeypatch.setenv("COMMONSPACE_MODEL", "b")
    flags: dict[str, object] = {"model": "c"}

    settings = Settings.load(flags)

    assert (settings.workers, settings.threads, settings.model) == (1, 2, "c")
    named = sources(flags)
    assert (named["workers"], named["threads"], named["model"]) == ("commonspace.toml", "COMMONSPACE_THREADS", "flag")


def test_limits_from_different_layers_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("commonspace.toml").write_text("[limits]\nimage_bytes = 5\n")
    monkeypatch.setenv("COMMONSPACE_LIMITS__AUDIO_BYTES", "6")

    limits = Settings.load({"limits.video_bytes": "7"}).limits

    assert (limits.image_bytes, limits.audio_bytes, limits.video_bytes) == (5, 6, 7)
    assert limits.text_bytes == Limits().text_bytes


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONSPACE_WORKERS", "")

    assert Settings.load().workers == 0
    assert sources()["workers"] == "default"


def test_another_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("commonspace.toml").write_text("workers = 1\n")
    named = tmp_path / "other.toml"
    named.write_text("workers = 5\n")
    monkeypatch.setenv("COMMONSPACE_CONFIG", str(named))

    assert Settings.load().workers == 5
    assert sources()["workers"] == str(named)


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONSPACE_CONFIG", "nowhere.toml")

    with pytest.raises(UsageError, match=r"nowhere\.toml, which is not a file"):
        Settings.load()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load().workers = 3  # type: ignore[misc]


@pytest.mark.parametrize("text", ["wrkers = 1", "[limits]\nimage_byte = 1", "limits = 3", "x = [", "workers = 'many'"])
def test_a_bad_file_is_refused(text: str) -> None:
    Path("commonspace.toml").write_text(text)

    with pytest.raises(UsageError):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [("COMMONSPACE_WORKERS", "-1"), ("COMMONSPACE_PRECISION", "f8"), ("COMMONSPACE_LIMITS__ITEM_SECONDS", "0")],
)
def test_a_value_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(UsageError, match="The setting"):
        Settings.load()


def test_an_unknown_flag_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'limits\.item_seconds'\?"):
        Settings.load({"limits.item_second": 3})


def test_weights_are_set_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("commonspace.toml").write_text("[weights]\naudio = 0.5\n")
    monkeypatch.setenv("COMMONSPACE_WEIGHTS__VIDEO", "2")

    weights = Settings.load({"weights.text": "0"}).weights

    assert (weights.audio, weights.video, weights.text, weights.image) == (0.5, 2.0, 0.0, 1.0)
    assert sources({"weights.text": "0"})["weights.audio"] == "commonspace.toml"


@pytest.mark.parametrize("value", ["-1", "inf", "nan"])
def test_a_weight_below_zero_or_without_end_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="weight of audio"):
        Settings.load({"weights.audio": value})


def test_an_unknown_weight_in_the_file_is_refused() -> None:
    Path("commonspace.toml").write_text("[weights]\nsmell = 0.5\n")

    with pytest.raises(UsageError, match=r"no setting called 'weights\.smell'"):
        Settings.load()
