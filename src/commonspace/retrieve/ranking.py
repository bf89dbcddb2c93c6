"""How a query is answered: how many items, which ones, and in what order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypedDict, Unpack, final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.index.filter_text import filter_of
from commonspace.index.filters import Filter
from commonspace.retrieve.group import Group

__all__ = ["MOST_HITS", "POOL", "Options", "Ranking"]

MOST_HITS: Final = 10_000
"""How deep pages reach: an offset and k together."""
POOL: Final = 200
"""How many of the best are looked at together where answers are compared with one another or with what is unwanted."""


class Options(TypedDict, total=False):
    """The options of a search by name, as a person writes them; ``Ranking`` says what each means."""

    k: int
    offset: int
    modality: Modality | str | None
    where: Filter | str | None
    weights: Mapping[Modality | str, float] | None
    min_probability: float | None
    group: Group | str
    diversity: float
    fold: float | None
    keywords: bool | None
    explain: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The options of a search.

    ``k`` items come, the first ``offset`` left out: pages of one query put together are the whole answer. ``modality``
    and ``where`` say which items count. ``weights`` multiply the probability of a modality's items for the ranking.
    ``min_probability`` leaves out what is less likely. ``group`` by parent makes one hit of a whole and what was found
    in it. ``diversity`` (0 to 1) is one less the lambda of maximal marginal relevance: 0 is the plain order. ``fold``
    is the cosine from which items of one modality are near duplicates, listed under the best of them; equal content
    always is. ``keywords`` adds what words match: None does so for queries with text in a calibrated space.
    ``explain`` says of each hit how it came by its place.
    """

    k: int = 10
    offset: int = 0
    modality: Modality | None = None
    where: Filter | None = None
    weights: Mapping[Modality, float] = field(default_factory=dict)
    min_probability: float | None = None
    group: Group = Group.ITEM
    diversity: float = 0.0
    fold: float | None = None
    keywords: bool | None = None
    explain: bool = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"k is {self.k}.", fix="Ask for at least one hit.")
        if self.offset < 0:
            raise UsageError(f"The offset is {self.offset}.", fix="Give zero, or how many hits to leave out.")
        if self.depth > MOST_HITS:
            raise UsageError(
                f"Offset {self.offset} and k {self.k} reach beyond the first {MOST_HITS} hits.",
                fix="Narrow the search with a filter instead.",
            )
        if not 0.0 <= self.diversity <= 1.0:
            raise UsageError(f"The diversity is {self.diversity}.", fix="Give a number from 0 to 1.")
        if self.fold is not None and not 0.0 < self.fold <= 1.0:
            raise UsageError(f"The fold is {self.fold}.", fix="Give a cosine above 0 and up to 1, such as 0.95.")

    @classmethod
    def of(cls, **given: Unpack[Options]) -> "Ranking":
        """Options as a person writes them: names of modalities and groups, filters as text.

        Raises:
            UsageError: one of them makes no sense.
        """
        named = {"modality", "where", "weights", "group"}
        plain = {name: value for name, value in given.items() if name not in named}
        modality = given.get("modality")
        weights = given.get("weights") or {}
        return cls(
            **plain,  # type: ignore[arg-type]  # the fields that are kept as they came
            modality=None if modality is None else _known(modality),
            where=filter_of(given.get("where")),
            weights={_known(name): weight for name, weight in weights.items()},
            group=_group(given.get("group", Group.ITEM)),
        )

    @property
    def depth(self) -> int:
        """How many hits there must be for this page to be full."""
        return self.offset + self.k

    @property
    def pooled(self) -> bool:
        """Whether answers are compared with one another, so that only the best ``POOL`` are looked at."""
        return self.diversity > 0.0 or self.fold is not None


def _known(name: Modality | str) -> Modality:
    try:
        return Modality(name)
    except ValueError:
        raise UsageError(f"'{name}' is no modality.", fix=f"Use one of {', '.join(Modality)}.") from None


def _group(name: Group | str) -> Group:
    try:
        return Group(name)
    except ValueError:
        raise UsageError(f"Hits cannot be grouped by '{name}'.", fix=f"Use one of {', '.join(Group)}.") from None
