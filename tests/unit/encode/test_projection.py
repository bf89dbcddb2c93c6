"""A head at work in NumPy gives what PyTorch gives, and refuses files that are not what they say."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from commonspace.align.heads import HeadSpec, build_head, save_head
from commonspace.align.posthoc import Affine
from commonspace.core.errors import ModelError, UsageError
from commonspace.encode.projection import load_projection

GIVEN = Affine(weight=np.random.default_rng(0).standard_normal((9, 5)), offset=np.ones(5))
CASES = {
    "identity": (HeadSpec(kind="identity"), 9, 9, None),
    "linear": (HeadSpec(kind="linear"), 9, 5, None),
    "residual": (HeadSpec(kind="residual", hidden=16, dropout=0.5), 9, 5, None),
    "deep": (HeadSpec(kind="residual", hidden=16, blocks=3), 9, 5, None),
    "shallow": (HeadSpec(kind="residual", skip="identity", blocks=0), 9, 9, None),
    "fixed": (HeadSpec(kind="residual", skip="fixed", hidden=16), 9, 5, GIVEN),
    "gated": (HeadSpec(kind="gated", base=5, hidden=16, blocks=2), 14, 5, None),
}


def trained(name: str, folder: Path) -> nn.Module:
    """A head of some kind, away from its start, saved."""
    spec, inputs, outputs, given = CASES[name]
    generator = torch.Generator().manual_seed(3)
    head = build_head(spec, inputs, outputs, given=given, generator=generator).eval()
    with torch.no_grad():
        for weight in head.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    save_head(folder, head, spec)
    return head


@pytest.mark.parametrize("name", CASES)
def test_a_projection_gives_what_pytorch_gives(name: str, tmp_path: Path) -> None:
    head = trained(name, tmp_path)
    features = 3 * np.random.default_rng(1).standard_normal((20, CASES[name][1])).astype(np.float32)

    found = load_projection(tmp_path)(features)

    with torch.no_grad():
        expected = nn.functional.normalize(head(torch.from_numpy(features)), dim=1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_features_may_come_in_half_precision(tmp_path: Path) -> None:
    trained("deep", tmp_path)
    features = np.random.default_rng(1).standard_normal((4, 9)).astype(np.float16)

    project = load_projection(tmp_path)

    np.testing.assert_array_equal(project(features), project(features.astype(np.float32)))


def test_a_row_gives_the_same_alone_or_in_any_batch(tmp_path: Path) -> None:
    trained("deep", tmp_path)
    features, project = np.random.default_rng(1).standard_normal((8, 9)), load_projection(tmp_path)

    np.testing.assert_allclose(project(features)[3:4], project(features[3:4]), atol=1e-6)
    assert project(features[:0]).shape == (0, 5)


def test_a_projection_knows_its_sizes_and_its_weights(tmp_path: Path) -> None:
    trained("gated", tmp_path)

    project = load_projection(tmp_path)

    assert (project.inputs, project.outputs, project.base) == (14, 5, 5)
    assert project.fingerprint == sha256((tmp_path / "head.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("shape", [(3, 8), (9,)])
def test_features_of_another_width_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    trained("linear", tmp_path)

    with pytest.raises(UsageError, match="takes rows of 9 features"):
        load_projection(tmp_path)(np.zeros(shape, dtype=np.float32))


def described(folder: Path, **changes: object) -> None:
    """Change fields of a head's description."""
    path = folder / "head.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 2}, "it is of format 2"),
        ({"sha256": "0" * 64}, "do not match their SHA-256"),
        ({"inputs": 8}, "skip.weight is not"),
        (
            {"spec": {"kind": "residual", "skip": "linear", "hidden": 4, "blocks": 1, "base": 0}},
            "not those of its kind",
        ),
        ({"spec": {"kind": "odd", "skip": "linear", "hidden": 4, "blocks": 1, "base": 0}}, "not those of its kind"),
        ({"spec": {}}, "kind"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(changes: dict[str, object], says: str, tmp_path: Path) -> None:
    trained("linear", tmp_path)
    described(tmp_path, **changes)

    with pytest.raises(ModelError, match=says):
        load_projection(tmp_path)


def test_weights_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    trained("linear", tmp_path)
    (tmp_path / "head.safetensors").write_bytes(b"noise" * 9)
    described(tmp_path, sha256=sha256(b"noise" * 9).hexdigest())

    with pytest.raises(ModelError, match="no usable head"):
        load_projection(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no usable head"):
        load_projection(tmp_path / "nowhere")


def test_a_projection_needs_no_pytorch(tmp_path: Path) -> None:
    """In a fresh interpreter that cannot import torch."""
    import subprocess
    import sys

    trained("deep", tmp_path)
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy, pathlib\n"
        "from commonspace.encode.projection import load_projection\n"
        "print(load_projection(pathlib.Path(sys.argv[1]))(numpy.ones((2, 9))).shape)"
    )

    said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "(2, 5)"
