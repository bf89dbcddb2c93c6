"""A space as scikit-learn's transformer: items in, a matrix of vectors out, in any pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from commonspace.core.errors import MissingExtra
from commonspace.shell import wire

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
except ImportError as error:
    raise MissingExtra("scikit-learn is not installed.", fix="pip install scikit-learn") from error

if TYPE_CHECKING:
    from commonspace.core.vectors import Vectors
    from commonspace.encode.embedder import Embedder

__all__ = ["Embed"]

Load = Callable[[str | None], "Embedder"]


@final
class Embed(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """One unit vector a sample. A sample is an item (text, path, picture, sound), or a row whose cells make one text.

    ``model`` names a space, the default one when None; ``dimensions`` keeps the first numbers, where it was trained
    for that. ``load`` is what turns the name into an embedder. Fitting learns nothing; a process loads a space once.
    """

    def __init__(self, model: str | None = None, *, dimensions: int | None = None, load: Load | None = None) -> None:
        self.model = model
        self.dimensions = dimensions
        self.load = load

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002, N803  # scikit-learn's signature
        """Note the number of vectors' columns and of the samples'; nothing is learned from the samples.

        Raises:
            ValueError: there is no sample, or an array of another shape than samples or samples x columns.
            ModelError: there is no such space.
        """
        num_columns, _ = _samples(X)
        if num_columns is not None:
            self.n_features_in_ = num_columns
        self._n_features_out = self.dimensions or self._embedder().space.dimension
        return self

    def transform(self, X: Any) -> Vectors:  # noqa: N803  # scikit-learn's signature
        """Embed the samples: n x dimensions, float32, unit rows, in order.

        Raises:
            ValueError: there is no sample.
            ItemError: a sample cannot be embedded.
        """
        _, items = _samples(X)
        return self._embedder().embed(items, dimensions=self.dimensions)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_n_features_out")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = False
        tags.no_validation = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _embedder(self) -> Embedder:
        return _loaded(self.load or wire.load, self.model)


@lru_cache(maxsize=4)
def _loaded(load: Load, model: str | None) -> Embedder:
    """One embedder a space and process: an estimator is cloned and pickled, and must not carry networks along."""
    return load(model)


def _samples(given: Any) -> tuple[int | None, Sequence[object]]:
    """How many columns the samples have (None: they are items), and an item for each."""
    if hasattr(given, "toarray"):
        raise TypeError("Sparse matrices hold no items: give texts, files or pictures.")
    if isinstance(given, list | tuple) and not any(isinstance(each, list | tuple | np.ndarray) for each in given):
        items: Sequence[object] = given
        num_columns = None
    else:
        rows = np.asarray(given)
        if rows.ndim not in (1, 2):
            raise ValueError(f"Samples of shape {rows.shape} are neither items nor rows. Reshape your data.")
        if np.iscomplexobj(rows):
            raise ValueError("Complex data not supported: give texts, files or pictures.")
        num_columns = rows.shape[1] if rows.ndim == 2 else None
        items = list(rows) if num_columns is None else [_item(row) for row in rows]
    if not len(items) or num_columns == 0:
        raise ValueError(
            f"Found array with {len(items)} sample(s) and {num_columns} feature(s): at least 1 is required."
        )
    return num_columns, [str(each) if isinstance(each, str | np.generic) else each for each in items]


def _item(row: Any) -> object:
    """A row of one column is its cell; of several, a text of all."""
    return row[0] if len(row) == 1 else ", ".join(str(cell) for cell in row)
