"""A pull from a hub on this machine: pinned, hashed, resumed, and nothing taken that could run."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from commonspace.core.errors import ModelError, UsageError
from commonspace.encode import catalog
from commonspace.encode.hub.pull import Request, pull, verify
from tests.hub.local_hub import COMMIT, LocalHub, serving
from tests.hub.small import safetensors, small_clip

WEIGHTS = "model.safetensors"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    folder = small_clip(tmp_path / "original")
    large = safetensors({"text.weight": ("F32", [100, 100], bytes(range(100)) * 400)})
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {**found, WEIGHTS: large, "README.md": b"---\nlicense: mit\n---\n"}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "org" / "model"


def fetched(hub: LocalHub, target: Path, monkeypatch: pytest.MonkeyPatch, **wish: object) -> list[str]:
    """Pull from a hub; what was said on the way."""
    said: list[str] = []
    with serving(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        pull(Request(name="org/model", folder=target, **wish), said.append)  # type: ignore[arg-type]
    return said


def test_a_pull_pins_the_commit_and_writes_down_every_hash(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = fetched(LocalHub(files), target, monkeypatch)

    lock = json.loads((target / "pulled.json").read_text())
    assert (lock["name"], lock["commit"], lock["licence"]) == ("org/model", COMMIT, "mit")
    assert {name: each["sha256"] for name, each in lock["files"].items()} == {
        name: sha256(data).hexdigest() for name, data in files.items()
    }
    assert "licence mit (free)" in said[0]
    assert verify(target) == []
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_what_was_pulled_is_found_by_name_and_listed(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(target / "nothing"))
    fetched(LocalHub(files), target, monkeypatch)
    own = target.parent.parent

    cards, unusable = catalog.checkpoints(own)

    assert catalog.folder_of("org/model", own) == target
    assert [(card.space.name, card.licence, card.source) for card in cards] == [("org/model", "mit", "pulled")]
    assert unusable == []
    assert catalog.card_of(target).space.name == "org/model"


def test_only_safetensors_json_and_tokenizer_files_come(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ["pytorch_model.bin", "modeling_own.py", "onnx/model.onnx", "onnx/config.json", "run.sh", "data.pkl"]
    hub = LocalHub({**files, **dict.fromkeys(others, b"no"), "vocab.txt": b"a\n", "1_Pooling/config.json": b"{}"})

    fetched(hub, target, monkeypatch)

    come = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert come == {*files, "vocab.txt", "1_Pooling/config.json", "pulled.json"}
    assert {name for name, _ in hub.asked} & set(others) == set()


def test_an_interrupted_pull_goes_on_where_it_was(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub(files, breaks={WEIGHTS: 10_000})
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1_000)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(ModelError, match="stopped") as stopped:
        fetched(hub, target, monkeypatch)
    assert "what has come is kept" in stopped.value.fix
    assert not target.exists()
    hub.asked.clear()

    fetched(hub, target, monkeypatch)

    assert (target / WEIGHTS).read_bytes() == files[WEIGHTS]
    assert [name for name, _ in hub.asked] == [WEIGHTS, *sorted(name for name in files if name > WEIGHTS)]
    assert hub.asked[0] == (WEIGHTS, "bytes=10000-")


def test_a_second_pull_fetches_nothing_that_is_there(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub(files)
    fetched(hub, target, monkeypatch)
    hub.asked.clear()

    fetched(hub, target, monkeypatch)

    assert hub.asked == []
    assert verify(target) == []


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_file_with_another_hash_is_refused_and_leaves_nothing_to_load(
    name: str, files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = bytearray(files[name])
    changed[-2] ^= 1
    hub = LocalHub({**files, name: bytes(changed)}, told={name: files[name]})

    with pytest.raises(ModelError, match="its hash differs"):
        fetched(hub, target, monkeypatch)

    assert not target.exists()
    assert not any(path.name.startswith(f"{name}") for path in target.parent.rglob("*"))


def test_a_model_in_pickles_alone_is_refused_with_what_to_do(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files["pytorch_model.bin"] = files.pop(WEIGHTS)

    with pytest.raises(ModelError, match=r"pytorch_model\.bin, which can run code") as refused:
        fetched(LocalHub(files), target, monkeypatch)

    assert "refs/pr/1" in refused.value.fix
    assert "docs/models.md" in refused.value.fix


@pytest.mark.parametrize(
    "card",
    [{"license": "cc-by-nc-4.0"}, {"license": "other", "license_name": "apple-amlr"}],
    ids=["non-commercial", "research"],
)
def test_a_restricted_licence_must_be_accepted(
    card: dict[str, str], files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub(files, card=card)
    with pytest.raises(UsageError, match="restricts what it may be used for") as refused:
        fetched(hub, target, monkeypatch)
    assert "--accept-licence" in refused.value.fix
    assert hub.asked == []

    fetched(hub, target, monkeypatch, accepted=True)

    assert target.is_dir()


def test_an_unknown_licence_is_said_to_be_one(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "licence unknown (unknown)" in fetched(LocalHub(files, card={}), target, monkeypatch)[0]


@pytest.mark.parametrize("name", ["../outside.json", "/etc/outside.json", "a/../../outside.json", "..\\outside.json"])
def test_a_file_that_leads_out_is_refused_before_anything_comes(
    name: str, files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub({**files, name: b"{}"})

    with pytest.raises(ModelError, match="leads out"):
        fetched(hub, target, monkeypatch)

    assert hub.asked == []


def test_a_pull_that_no_adapter_can_read_is_not_put_in_place(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files["config.json"] = b'{"model_type": "unheard-of"}'

    with pytest.raises(ModelError, match="no adapter"):
        fetched(LocalHub(files), target, monkeypatch)

    assert not target.exists()


def test_a_revision_that_is_not_there_is_named(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="'org/model' with a revision 'v9'"):
        fetched(LocalHub(files), target, monkeypatch, revision="v9")


def test_nothing_is_fetched_where_the_machine_is_set_offline(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(UsageError, match="HF_HUB_OFFLINE"):
        pull(Request(name="org/model", folder=target))


def test_a_changed_file_is_noticed_later(
    files: dict[str, bytes], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched(LocalHub(files), target, monkeypatch)
    (target / "config.json").write_text("{}")

    assert verify(target) == ["config.json"]
