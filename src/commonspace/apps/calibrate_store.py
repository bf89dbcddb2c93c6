"""From typical queries and labelled pairs to a calibration that lies in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from commonspace.apps.calibrating import Fitting, refitted
from commonspace.apps.calibration_report import CalibrationReport
from commonspace.apps.known_items import Asked, asked_by_name, asked_by_pairs, bank_rows, sample_of
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedder
from commonspace.index.records import StoredItem
from commonspace.index.store import Store
from commonspace.ingest.source import file_uri
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.store_calibration import forget_store_calibration, write_store_calibration

__all__ = ["Typical", "calibrate_store"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Typical:
    """What people ask of a store: queries alone, and queries with the item (id, uri, path or name) that answers.

    A query is as in ``Collection.search``. A pair whose item is None says that nothing in the store answers its query.
    Without ``queries`` the bank of the space serves, without ``pairs`` the items' names. ``seed`` draws the halves that
    check each other.
    """

    queries: Sequence[object] = ()
    pairs: Sequence[tuple[object, str | None]] = ()
    seed: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Questions:
    answered: Mapping[Modality, Asked]
    unanswered: Mapping[Modality, Asked] = field(default_factory=dict)
    num_lost: int = 0


def calibrate_store(
    store: Store, embedder: Embedder, of_space: Calibration | None, typical: Typical
) -> CalibrationReport:
    """Fit, and keep what helps in the store, which is open for writing; where nothing does, the space's own serves.

    Raises:
        UsageError: no pair names an item of the store, or no query can be embedded.
        StoreError: the calibration cannot be written; what was there stays.
    """
    questions = _questions(store, embedder, typical)
    bank, num_unread = _bank(embedder, of_space, typical)
    wanted = {item for each in questions.answered.values() for answers in each.answers for item in answers}
    fitting = Fitting(
        towers=store.space.towers,
        sample=sample_of(store, wanted, seed=typical.seed),
        asked=questions.answered,
        labelled=bool(typical.pairs),
        unanswered=questions.unanswered,
        base=of_space,
        bank=bank,
        seed=typical.seed,
    )
    calibration, report = refitted(fitting)
    report = replace(report, num_unused=questions.num_lost + num_unread)
    if calibration is None:
        forget_store_calibration(store.path)
    else:
        write_store_calibration(store.path, store.space, calibration, report.to_dict())
    return report


def _questions(store: Store, embedder: Embedder, typical: Typical) -> _Questions:
    if not typical.pairs:
        return _Questions(answered=asked_by_name(embedder, store.items(), seed=typical.seed))
    names: dict[str, StoredItem | None] = {}
    for item in store.items():
        names[item.name] = None if item.name in names else item  # a name that two items have names neither
    answers: dict[object, frozenset[str]] = {}
    nothing: dict[object, frozenset[str]] = {}
    num_lost = 0
    for query, name in typical.pairs:
        found = None if name is None else _item(store, names, name)
        if name is None:
            nothing[query] = frozenset()
        elif found is None:
            num_lost += 1
        else:
            ids = {found.id, *(child.id for child in store.children(found.id))}
            answers[query] = answers.get(query, frozenset()) | ids
    answered, num_unread = asked_by_pairs(embedder, answers)
    unanswered, num_more = asked_by_pairs(embedder, {each: ids for each, ids in nothing.items() if each not in answers})
    if not answered:
        raise UsageError(
            f"None of the {len(typical.pairs)} pairs has a query that can be read and an item that the store holds.",
            fix="Name items as `commonspace search --json` does: by id, uri, path or a name that only one has.",
        )
    return _Questions(answered=answered, unanswered=unanswered, num_lost=num_lost + num_unread + num_more)


def _item(store: Store, names: Mapping[str, StoredItem | None], name: str) -> StoredItem | None:
    known = store.get(name) or store.find(name) or names.get(name)
    return known or store.find(file_uri(Path(name).expanduser()))


def _bank(embedder: Embedder, of_space: Calibration | None, typical: Typical) -> tuple[Vectors | None, int]:
    """The vectors of typical queries that no pair asks, else those of the space's own bank, if it has one."""
    if not typical.queries:
        banks = [] if of_space is None else list(of_space.banks.values())
        return (banks[0].vectors if banks else None), 0
    judged = {query for query, _ in typical.pairs}
    queries = [query for query in typical.queries if query not in judged]
    vectors, num_unread = bank_rows(embedder, queries, seed=typical.seed)
    if not len(vectors):
        raise UsageError(
            "No typical query is left that can be embedded and is in no pair.", fix="Give queries besides the pairs."
        )
    return vectors, num_unread
