"""Traffic is the same for the same seed, never sends an item twice, and holds what it says."""

import io
from itertools import islice, repeat

import numpy as np
import pytest
import soundfile
from PIL import Image

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.serve.load.traffic import Mix, Recipe, Traffic

MIX = Mix.parse("text=0.6,image=0.3,audio=0.1")
SMALL = Recipe(image_size=(64, 48), audio_seconds=0.25)


def shots(seed: int, num: int = 200, batch: int = 1) -> list[object]:
    traffic = Traffic(MIX, batch=batch, seed=seed, recipe=SMALL)
    return [traffic.shot() for _ in range(num)]


def test_the_same_seed_gives_the_same_shots_and_another_seed_gives_others() -> None:
    assert shots(3) == shots(3)
    assert shots(3) != shots(4)


def test_no_two_items_are_the_same() -> None:
    items = [item for shot in shots(0, batch=3) for item in shot.items]  # type: ignore[attr-defined]

    assert len(set(items)) == len(items) == 600


def test_shares_are_kept_on_average() -> None:
    traffic = Traffic(MIX, seed=1, recipe=SMALL)
    kinds = [each.modality for each in islice((traffic.shot() for _ in repeat(None)), 2000)]

    shares = [kinds.count(modality) / 2000 for modality in (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)]

    np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=0.04)


def test_media_decode_to_what_was_ordered_whatever_number_is_in_them() -> None:
    for shot in shots(7, 60):
        (item,) = shot.items  # type: ignore[attr-defined]
        if shot.modality == Modality.IMAGE:  # type: ignore[attr-defined]
            assert Image.open(io.BytesIO(item)).convert("RGB").size == (64, 48)
        if shot.modality == Modality.AUDIO:  # type: ignore[attr-defined]
            samples, rate = soundfile.read(io.BytesIO(item))
            assert (len(samples), rate) == (4000, 16_000)


def test_a_mix_is_scaled_to_one() -> None:
    assert Mix.parse("text=3, image=1").shares == {Modality.TEXT: 0.75, Modality.IMAGE: 0.25}
    assert Mix.parse("text").shares == {Modality.TEXT: 1.0}


@pytest.mark.parametrize("text", ["", "words=1", "text=-1", "text=many", "text=0", "text=nan", "video=1"])
def test_a_mix_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no mix"):
        Mix.parse(text)
