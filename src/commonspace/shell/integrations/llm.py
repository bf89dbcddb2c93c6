"""The spaces of this machine as embedding models of the ``llm`` command: ``llm embed -m commonspace/nano``."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, final

from commonspace.core.errors import MissingExtra

try:
    import llm
except ImportError as error:
    raise MissingExtra("llm is not installed.", fix="pip install llm") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from commonspace.encode.embedder import Embedder

__all__ = ["SpaceModel", "register_embedding_models"]


@final
class SpaceModel(llm.EmbeddingModel):  # type: ignore[misc]
    """One space. Texts are text; bytes are media files (pictures, sounds, documents) where the space takes them."""

    supports_text = True
    supports_binary = True
    batch_size = 64

    def __init__(self, name: str, load: Callable[[str], Embedder] | None = None) -> None:
        self.model_id = f"commonspace/{name}"
        self._name = name
        self._load = load

    @cached_property
    def embedder(self) -> Embedder:
        """The space, loaded when the first item comes."""
        if self._load is not None:
            return self._load(self._name)
        from commonspace.shell import wire

        return wire.load(self._name)

    def embed_batch(self, items: Iterable[str | bytes], *, key: str | None = None) -> Iterator[list[float]]:
        """One unit vector an item, in order.

        Raises:
            ItemError: an item cannot be embedded.
            UnsupportedModality: the space has no tower for it.
        """
        del key  # nothing here needs one
        yield from self.embedder.embed(list(items)).tolist()


@llm.hookimpl  # type: ignore[untyped-decorator]
def register_embedding_models(register: Callable[..., Any]) -> None:
    """Register every space whose files are here; none of them is loaded."""
    from commonspace.encode import catalog
    from commonspace.serve.settings import Settings

    for card in catalog.available(Settings.load().models_folder):
        register(SpaceModel(card.space.name))
