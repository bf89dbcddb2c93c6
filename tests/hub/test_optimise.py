"""Exports for OpenVINO agree with PyTorch and are used from then on; those that disagree are refused."""

from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode.hub import optimise as optimising
from commonspace.encode.hub.exports import optimised_precision
from commonspace.encode.hub.families import read_checkpoint
from commonspace.encode.hub.optimise import optimise
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.runtime import Precision
from tests.hub.checkpoints import make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("clip", tmp_path_factory.mktemp("optimise") / "clip")


@pytest.mark.filterwarnings("ignore")
def test_exports_give_the_same_vectors_in_batches_of_any_size(folder: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(folder)

    exports = optimise(checkpoint, tmp_path / "out", precision=Precision.F32, threads=1)

    assert {each.modality for each in exports} == {Modality.TEXT, Modality.IMAGE}
    assert all(each.least_cosine > 1 - 1e-5 for each in exports)
    assert optimised_precision(tmp_path / "out") is Precision.F32
    for modality in checkpoint.space.towers:
        plain, quick = (
            checkpoint.tower(modality, running)
            for running in (Running(threads=1), Running(threads=1, optimised=tmp_path / "out"))
        )
        features = [plain.prepare(content) for content in sample_contents(modality, 16_000)] * 3
        np.testing.assert_allclose(quick.encode(features), plain.encode(features), atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_an_export_that_disagrees_is_refused_and_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimising, "LEAST_COSINE", 1.1)

    with pytest.raises(ModelError, match="cosine of only"):
        optimise(read_checkpoint(folder), tmp_path / "out", precision=Precision.F32, threads=1)

    assert list(tmp_path.iterdir()) == []
