"""The first version's sound tower, kept to compare with: patches in, the weighted mean of their vectors out."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.first_nano import PatchPreparation, PatchTower
from commonspace.core.item import Audio
from commonspace.encode.runtime import Arrays
from recipes.nano.audio.patches import PatchSpec


class Counting:
    """A graph whose vector is a patch's first two numbers, and whose weight is its third."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, np.ndarray]]:
        patches = [np.asarray(batch["patches"]) for batch in batches]
        self.batches = [len(each) for each in patches]
        return [{"embedding": each[:, 0, :2], "weight": each[:, 0, 2]} for each in patches]


def test_a_clip_is_the_weighted_mean_of_its_own_patches() -> None:
    first, second = np.zeros((2, 96, 64), dtype=np.float32), np.zeros((20, 96, 64), dtype=np.float32)
    first[0, 0, :3], first[1, 0, :3] = (1, 0, 0.8), (0, 1, 0.6)
    second[:, 0, :3] = (0, -1, 0.5)
    graph = Counting()

    rows = PatchTower(graph, PatchPreparation(PatchSpec())).encode([first, second])

    np.testing.assert_allclose(rows, [[0.8, 0.6], [0, -1]], atol=1e-6)
    assert graph.batches == [16, 6]


def test_it_hears_patches_of_a_second_and_nothing_but_sound() -> None:
    prepare = PatchPreparation(PatchSpec())
    assert prepare(Audio(np.ones(40_000, dtype=np.float32), 16_000)).shape == (5, 96, 64)
    with pytest.raises(TypeError, match="takes Audio, not str"):
        prepare("a dog")
