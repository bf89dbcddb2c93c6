"""Mixed rows keep one factor in every modality; mined neighbours are near, wrong, and not too right."""

import numpy as np
import torch
from torch import nn

from commonspace.align.mining import mine
from commonspace.align.mixing import Mixing, mixed
from commonspace.align.negatives import HardNegatives
from commonspace.align.pairs import Pairs
from commonspace.align.sampling import Batch, Sampler, Sampling
from tests.unit.align.making import made_pairs, some_missing


def drawn(pairs: Pairs) -> Batch:
    return Sampler(pairs, Sampling(batch=30), pairs.modalities).batch(0)


def test_both_sides_of_a_row_are_mixed_with_the_same_row_by_the_same_factor() -> None:
    batch = drawn(made_pairs(90, names=("text", "image")))
    after = mixed(batch, Mixing(share=1.0), seed=0, step=4)

    for place in range(30):
        ways = {}
        for name in ("text", "image"):
            own, other, result = batch.features[name][place], batch.features[name], after.features[name][place]
            spread = other - own
            fits = [
                (partner, float((result - own) @ each / (each @ each)))
                for partner, each in enumerate(spread)
                if each @ each > 0
                and np.allclose(result - own, each * ((result - own) @ each / (each @ each)), atol=1e-5)
            ]
            ways[name] = fits
        if np.allclose(after.features["text"][place], batch.features["text"][place], atol=1e-6):
            assert np.allclose(after.features["image"][place], batch.features["image"][place], atol=1e-6)
            continue
        partners = {partner for partner, _ in ways["text"]} & {partner for partner, _ in ways["image"]}
        assert len(partners) == 1
        shares = [dict(ways[name])[next(iter(partners))] for name in ways]
        assert abs(shares[0] - shares[1]) < 1e-4
        assert 0 <= shares[0] <= 0.5


def test_a_row_is_mixed_only_with_rows_that_have_the_same_modalities() -> None:
    pairs = some_missing(made_pairs(90), "audio", 2)
    pairs = pairs.with_views("text", pairs.of("text"))
    batch = drawn(pairs)

    after = mixed(batch, Mixing(share=1.0), seed=0, step=0)

    assert after.places["audio"].tolist() == batch.places["audio"].tolist()
    assert after.features["audio"].shape == batch.features["audio"].shape


def test_no_share_mixes_nothing_and_pixels_are_never_mixed() -> None:
    batch = drawn(made_pairs(90))
    pixels = Pairs.single({"image": np.zeros((40, 2, 2, 3), dtype=np.uint8)}, [str(row) for row in range(40)])

    assert mixed(batch, Mixing(), seed=0, step=0) is batch
    assert mixed(drawn(pixels), Mixing(share=1.0), seed=0, step=0).features["image"].dtype == np.uint8


def test_neighbours_are_of_other_concepts_and_score_below_the_margin() -> None:
    pairs = made_pairs(120, names=("text", "audio"))
    torch.manual_seed(0)
    branches = {"text": nn.Linear(16, 8), "audio": nn.Linear(12, 8)}
    plan = HardNegatives(company=1, pair=("text", "audio"), pool=5, margin=0.9)

    found = mine(pairs, branches, plan, seed=0, device=torch.device("cpu"))

    text, audio = (
        nn.functional.normalize(branches[name](torch.from_numpy(np.asarray(pairs.of(name).features))), dim=1)
        for name in branches
    )
    scores = (text @ audio.T).detach().numpy()
    for row, neighbours in enumerate(found):
        own = scores[row, row]
        allowed = [
            other
            for other in range(120)
            if pairs.concepts[other] != pairs.concepts[row] and scores[row, other] < own - 0.1 * abs(own)
        ]
        best = sorted(allowed, key=lambda other: -scores[row, other])[:5]
        assert [other for other in neighbours.tolist() if other >= 0] == best
