"""Text, images, sound and video in one vector space, searched together on your own machine.

>>> import commonspace
>>> vectors = commonspace.load("nano").embed(["a dog barking", Path("dog.jpg")])  # doctest: +SKIP
>>> hits = commonspace.open("media.cs").search("dog barking in rain")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commonspace.apps.collection import Collection
    from commonspace.core.errors import CommonspaceError, ItemError
    from commonspace.core.item import Audio
    from commonspace.core.modality import Modality
    from commonspace.core.space import Space
    from commonspace.encode.embedder import Embedder
    from commonspace.retrieve.hit import Hit
    from commonspace.retrieve.query import Query
    from commonspace.shell.client import AsyncClient, Client
    from commonspace.shell.wire import load
    from commonspace.shell.wire import open_collection as open  # noqa: A004  # commonspace.open, as in gzip.open

__all__ = [
    "AsyncClient",
    "Audio",
    "Client",
    "Collection",
    "CommonspaceError",
    "Embedder",
    "Hit",
    "ItemError",
    "Modality",
    "Query",
    "Space",
    "load",
    "open",
]

_HOMES = {
    "AsyncClient": "commonspace.shell.client:AsyncClient",
    "Audio": "commonspace.core.item:Audio",
    "Client": "commonspace.shell.client:Client",
    "Collection": "commonspace.apps.collection:Collection",
    "CommonspaceError": "commonspace.core.errors:CommonspaceError",
    "Embedder": "commonspace.encode.embedder:Embedder",
    "Hit": "commonspace.retrieve.hit:Hit",
    "ItemError": "commonspace.core.errors:ItemError",
    "Modality": "commonspace.core.modality:Modality",
    "Query": "commonspace.retrieve.query:Query",
    "Space": "commonspace.core.space:Space",
    "load": "commonspace.shell.wire:load",
    "open": "commonspace.shell.wire:open_collection",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import commonspace`` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'commonspace' has no attribute '{name}'")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
