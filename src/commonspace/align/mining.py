"""Hard negatives: for every row the rows that the model confuses with it, and that are not likely to be right answers.

Positive-aware mining (NV-Retriever, arXiv 2407.15831): a candidate must score below ``margin`` times the row's own
positive, so that unlabelled positives are left alone. Batches then bring a row together with some of its neighbours.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from commonspace.align.losses import hard_negatives
from commonspace.align.negatives import HardNegatives
from commonspace.align.objective import features_tensor
from commonspace.align.pairs import Pairs
from commonspace.align.sampling import concept_codes

__all__ = ["encoded", "mine"]

STREAM = 5
ROWS_A_CHUNK = 1024


def mine(
    pairs: Pairs, branches: Mapping[str, nn.Module], plan: HardNegatives, *, seed: int, device: torch.device
) -> NDArray[np.int64]:
    """The neighbours of every row: rows x pool, -1 where there are fewer, or where the row lacks a side of the pair."""
    one, other = plan.pair
    rows = np.flatnonzero(pairs.has(one, other))
    rows = np.random.default_rng((seed, STREAM)).permutation(rows)
    codes = torch.from_numpy(concept_codes(pairs.concepts))
    neighbours = np.full((len(pairs), plan.pool), -1, dtype=np.int64)
    for start in range(0, len(rows), plan.shard):
        shard = rows[start : start + plan.shard]
        a, b = (encoded(branches[name], _firsts(pairs, name, shard), device) for name in plan.pair)
        own = codes[shard].to(device)
        apart = own[:, None] != own[None, :]
        found = hard_negatives(a @ b.T, num=plan.pool, margin=plan.margin, keep=apart).cpu().numpy()
        neighbours[shard] = np.where(found >= 0, shard[np.maximum(found, 0)], -1)
    return neighbours


@torch.no_grad()
def encoded(branch: nn.Module, features: NDArray[np.generic], device: torch.device) -> Tensor:
    """Unit rows of features (n x ...) through a branch in evaluation mode, chunk by chunk, on the device."""
    was_training = branch.training
    branch.eval()
    parts = [
        functional.normalize(branch(features_tensor(features[start : start + ROWS_A_CHUNK], device)).float(), dim=1)
        for start in range(0, len(features), ROWS_A_CHUNK)
    ]
    branch.train(was_training)
    return torch.cat(parts)


def _firsts(pairs: Pairs, modality: str, rows: NDArray[np.int64]) -> NDArray[np.generic]:
    views = pairs.of(modality)
    return np.asarray(views.features[views.offsets[:-1][rows]])
