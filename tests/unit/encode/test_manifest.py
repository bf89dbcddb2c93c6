"""A space's files are checked against their hashes before anything parses them."""

import shutil
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.space import build_tower

MANIFEST = catalog.folder_of("nano") / "manifest.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in MANIFEST.parent.iterdir():
        shutil.copy(path, tmp_path / path.name)
    return tmp_path


def test_the_embedded_space_is_as_its_manifest_says() -> None:
    manifest = Manifest.read(MANIFEST.parent)

    for modality in manifest.parts:
        manifest.verify(modality)

    assert manifest.space.dimension == 384
    assert [*manifest.space.towers] == ["text", "image", "audio"]


def test_the_embedded_space_is_at_most_sixty_megabytes() -> None:
    assert sum(path.stat().st_size for path in MANIFEST.parent.iterdir()) <= 60_000_000


def test_a_changed_file_is_refused(folder: Path) -> None:
    path = folder / "audio.onnx"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(ModelError, match=r"audio\.onnx has SHA-256"):
        Manifest.read(folder).verify(Modality.AUDIO)


def test_a_network_whose_tensors_lie_in_another_file_is_refused(folder: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path, beside = folder / "audio.onnx", "audio.tensors"
    onnx.save(onnx.load(path), path, save_as_external_data=True, location=beside, size_threshold=0)
    document = orjson.loads(MANIFEST.read_bytes())
    document["parts"]["audio"]["sha256"] = sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_bytes(orjson.dumps(document))

    with pytest.raises(ModelError, match=r"audio\.onnx keeps tensors in 'audio\.tensors'"):
        build_tower(Manifest.read(folder), Modality.AUDIO)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()

    with pytest.raises(ModelError, match=r"tokenizer\.json is not in"):
        Manifest.read(folder).verify(Modality.TEXT)


def test_a_manifest_may_not_name_a_file_outside_its_folder(folder: Path) -> None:
    document = orjson.loads(MANIFEST.read_bytes())
    document["parts"]["text"]["file"] = "../text.onnx"
    (folder / "manifest.json").write_bytes(orjson.dumps(document))

    with pytest.raises(ModelError, match="is not in"):
        Manifest.read(folder).verify(Modality.TEXT)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "is not of format"),
        ('{"format": 99}', "is not of format 1"),
        ('{"format": 1}', "lacks"),
    ],
)
def test_a_broken_manifest_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(ModelError, match=says):
        Manifest.read(tmp_path)


def test_an_unknown_space_lists_those_that_are_known() -> None:
    with pytest.raises(ModelError, match="knows nano"):
        catalog.folder_of("giant")


def described(folder: Path, **changes: object) -> Manifest:
    path = folder / "manifest.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **changes}))
    return Manifest.read(folder)


def test_a_calibration_is_checked_like_the_weights(folder: Path) -> None:
    (folder / "calibration.json").write_text("{}")
    good = described(folder, calibration={"calibration.json": sha256(b"{}").hexdigest()})

    good.verify_calibration()
    (folder / "calibration.json").write_text("{ }")
    with pytest.raises(ModelError, match=r"calibration\.json has SHA-256"):
        good.verify_calibration()
    with pytest.raises(ModelError, match="is not in"):
        described(folder, calibration={"../manifest.json": "0"}).verify_calibration()


def test_smaller_sizes_are_read_and_move_neither_fingerprint_nor_equality(folder: Path) -> None:
    plain = Manifest.read(folder).space

    cut = described(folder, dimensions=[256, 64, 384]).space

    assert cut.dimensions == (64, 256)
    assert cut == plain
    cut.require_dimension(64)
    with pytest.raises(ModelError, match="not all between"):
        described(folder, dimensions=[512])
