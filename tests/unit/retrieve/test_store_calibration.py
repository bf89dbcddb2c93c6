"""A store's own calibration on disk: whole or not at all, of its own space only, and always possible to forget."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import CorruptStore, SpaceMismatch, StoreError
from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.store_calibration import (
    forget_store_calibration,
    read_store_calibration,
    write_store_calibration,
)
from tests.fakes import FAKE_SPACE

TEXT, DIMENSION = Modality.TEXT, FAKE_SPACE.dimension


def test_a_calibration_of_another_space_is_refused(tmp_path: Path) -> None:
    other = replace(FAKE_SPACE, fingerprint="0" * 64)
    write_store_calibration(tmp_path, other, Calibration(prior=0.02, directions={}), {})

    with pytest.raises(SpaceMismatch, match="000000000000"):
        read_store_calibration(tmp_path, FAKE_SPACE)


@pytest.mark.parametrize("spoil", ["calibration", "bank", "pointer", "missing"])
def test_a_damaged_calibration_is_a_typed_error_and_can_be_forgotten(tmp_path: Path, spoil: str) -> None:
    bank = Bank(vectors=unit(np.eye(DIMENSION, dtype=np.float32)), estimator=Estimator.MEAN, strength=1.0)
    write_store_calibration(tmp_path, FAKE_SPACE, Calibration(prior=0.02, directions={}, banks={TEXT: bank}), {})
    (inner,) = tmp_path.glob("calibration-*")
    known = read_store_calibration(tmp_path, FAKE_SPACE)
    assert known is not None
    assert known.banks[TEXT].estimator is Estimator.MEAN

    if spoil == "calibration":
        (inner / "calibration.json").write_text("{}")
    elif spoil == "bank":
        (inner / "bank_0.npy").write_bytes((inner / "bank_0.npy").read_bytes()[:-4])
    elif spoil == "pointer":
        (tmp_path / "calibration.json").write_text("[1]")
    else:
        (inner / "bank_0.npy").unlink()

    with pytest.raises(CorruptStore):
        read_store_calibration(tmp_path, FAKE_SPACE)
    assert forget_store_calibration(tmp_path)


def test_writing_anew_replaces_what_was_there(tmp_path: Path) -> None:
    for prior in (0.02, 0.05):
        write_store_calibration(tmp_path, FAKE_SPACE, Calibration(prior=prior, directions={}), {"seed": 0})

    known = read_store_calibration(tmp_path, FAKE_SPACE)

    assert known is not None
    assert known.prior == 0.05
    assert len(list(tmp_path.glob("calibration-*"))) == 1


def test_a_folder_that_cannot_be_written_keeps_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store_calibration(tmp_path, FAKE_SPACE, Calibration(prior=0.02, directions={}), {})

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, f"No space left on device for {target.name}", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StoreError, match="No space left"):
            write_store_calibration(tmp_path, FAKE_SPACE, Calibration(prior=0.05, directions={}), {})

    known = read_store_calibration(tmp_path, FAKE_SPACE)
    assert known is not None
    assert known.prior == 0.02
    assert len(list(tmp_path.glob("calibration-*"))) == 1
