"""A question is searched for in every modality, and what is a good match becomes a context."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from commonspace.apps.rag.context import Context, composed_context
from commonspace.apps.rag.media import medium_of
from commonspace.apps.rag.tokens import Budget
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.retrieve.hit import Hit

__all__ = ["Searches", "gathered"]

FURTHER_PASSAGES: Final = 2


class Searches(Protocol):
    """What is asked of a collection here."""

    @property
    def space(self) -> Space:
        """The space whose modalities are searched."""
        ...

    def search(self, query: object, *, k: int = 10, modality: Modality | str | None = None) -> Sequence[Hit]:
        """The items nearest to a query, best first."""
        ...


def gathered(collection: Searches, question: str, budget: Budget, *, k: int = 12, weak: bool = False) -> Context:
    """Compose a context from the ``k`` best items and the best one of each modality that is not among them.

    Weak matches are left out, so that a context may be empty: nothing in the collection answers. ``weak`` takes them
    all the same. In a space without calibration nothing is known to be weak.

    Raises:
        UsageError: an empty question, or k below one.
    """
    hits = list(collection.search(question, k=k))
    found = {hit.modality for hit in hits}
    known = {hit.id for hit in hits}
    for modality in collection.space.modalities:
        if modality not in found:
            others = collection.search(question, k=1, modality=modality)
            hits += [hit for hit in others if hit.id not in known]
    wanted = [hit for hit in hits if weak or hit.good is not False]
    return composed_context(question, [*wanted, *_further(wanted)], budget, medium_of)


def _further(hits: Sequence[Hit]) -> list[Hit]:
    """Other passages of items that answer, for what is left of the budget once every item has had its best."""
    return [
        replace(hit, segment=segment)
        for hit in hits
        for segment in hit.segments[1 : 1 + FURTHER_PASSAGES]
        if segment.text
    ]
