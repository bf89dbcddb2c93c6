"""A space as clip_benchmark loads models: ``load(model_name, pretrained, cache_dir, device)``.

Put ``"commonspace": commonspace.shell.integrations.clip_benchmark.load`` into ``clip_benchmark.models.TYPE2FUNC`` and
run it with ``--model_type commonspace``. Features are handed over packed into tensors, so the batches that its loaders
stack come to the towers as the preparations made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.encode.hub.running import require_torch
from commonspace.shell import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonspace.encode.embedder import Embedder

__all__ = ["ImageTextModel", "Transform", "load"]


@final
class Transform:
    """A PIL picture to a tensor of what the image tower takes; pictures of all sizes come out alike."""

    def __init__(self, embedder: Embedder) -> None:
        self._preparer = embedder.preparer
        self._tensor = require_torch().from_numpy

    def __call__(self, picture: Any) -> Any:
        """Prepare one picture.

        Raises:
            ItemError: the picture cannot be used.
        """
        (piece,) = self._preparer.value(picture.convert("RGB")).pieces
        return self._tensor(np.array(piece.features))


@final
class ImageTextModel:
    """Two towers with the methods that clip_benchmark calls; vectors are unit rows on the CPU."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._tensor = require_torch().from_numpy

    def encode_image(self, pictures: Any) -> Any:
        """Encode what ``Transform`` made, stacked: n x dimension."""
        rows = [np.asarray(each) for each in pictures.cpu().numpy()]
        return self._tensor(self._embedder.tower(Modality.IMAGE).encode(rows))

    def encode_text(self, texts: Any) -> Any:
        """Encode what ``tokenize`` made: n x dimension."""
        return self._tensor(self._embedder.embed(list(texts)))

    def eval(self) -> ImageTextModel:
        """Nothing: towers are always ready to use."""
        return self

    def to(self, device: object) -> ImageTextModel:
        """Nothing: the towers choose their device themselves."""
        del device
        return self


@final
class Texts(list[str]):
    """Texts where tokens would be: the towers tokenise for themselves."""

    def to(self, device: object) -> Texts:
        """Nothing: texts lie on no device."""
        del device
        return self


def load(
    model_name: str, pretrained: str = "", cache_dir: str | None = None, device: str = "cpu"
) -> tuple[ImageTextModel, Transform, Callable[[Sequence[str]], Texts]]:
    """A space's model, transform and tokenizer; ``pretrained``, ``cache_dir`` and ``device`` are for others.

    Raises:
        ModelError: there is no such space.
        UsageError: it does not take both texts and pictures.
    """
    del pretrained, cache_dir, device
    embedder = wire.load(model_name)
    if not {Modality.TEXT, Modality.IMAGE} <= set(embedder.space.towers):
        raise UsageError(f"The space '{model_name}' does not take texts and pictures.", fix="Name one that does.")
    return ImageTextModel(embedder), Transform(embedder), Texts
