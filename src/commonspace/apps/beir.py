"""Encoder, index and ranking measured together on a BEIR folder, beside exact search over the encoder's vectors alone.

The corpus is brought into a store and searched as any store is: passages, hubness correction, probabilities, index.
Beside that every document has the one vector that embedding it gives, and all are compared with the query exactly.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final
from urllib.parse import quote

import numpy as np

from commonspace.apps.collection import Collection
from commonspace.apps.progress import Progress
from commonspace.apps.taking import Taken, take
from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedding
from commonspace.evaluate.beir import Dataset, Document
from commonspace.evaluate.metrics import Interval, bootstrap_interval
from commonspace.evaluate.ranked import Run, chance_of, values_of
from commonspace.index.records import StoredItem
from commonspace.ingest.source import Source, file_source

__all__ = ["CUTOFFS", "BeirReport", "Figure", "evaluate_beir", "trec_lines"]

CUTOFFS = (1, 10, 100)
ROWS_A_BLOCK = 4096


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measure of both paths: means and 95% bootstrap intervals over queries; the difference is paired."""

    measure: str
    shipped: float
    shipped_interval: Interval
    encoder: float
    encoder_interval: Interval
    difference: float
    difference_interval: Interval
    chance: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BeirReport:
    """What an evaluation found; ``run`` and ``encoder_run`` are what each path answered, to write or to compare."""

    dataset: str
    num_documents: int
    num_queries: int
    num_left_out: int
    depth: int
    seed: int
    taken: Taken
    figures: tuple[Figure, ...]
    run: Run
    encoder_run: Run

    def to_dict(self) -> dict[str, Any]:
        """The report as it stands in JSON answers, without the runs."""
        return {
            "dataset": self.dataset,
            "num_documents": self.num_documents,
            "num_queries": self.num_queries,
            "num_left_out": self.num_left_out,
            "num_failed": len(self.taken.failures),
            "depth": self.depth,
            "seed": self.seed,
            "figures": [
                {
                    "measure": each.measure,
                    "shipped": _fields(each.shipped, each.shipped_interval),
                    "encoder": _fields(each.encoder, each.encoder_interval),
                    "difference": _fields(each.difference, each.difference_interval),
                    "chance": each.chance,
                }
                for each in self.figures
            ],
        }


def evaluate_beir(
    collection: Collection,
    dataset: Dataset,
    *,
    depth: int = 100,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> BeirReport:
    """Bring the corpus into the collection and answer every judged query on both paths, to ``depth`` documents.

    A query's own document (of the same id) is no answer, as in BEIR. Equal cosines of the encoder's path are ordered as
    ``trec_eval`` does; the shipped path has the order that it shows. Documents that cannot be read are never found.

    Raises:
        UsageError: ``depth`` is below one.
        ItemError: a query cannot be read.
        StoreError: the store cannot be written; what was reported as done is kept.
    """
    if depth < 1:
        raise UsageError(f"The depth is {depth}.", fix="Ask for at least one document a query.")
    documents = {source.uri: document.id for document in dataset.documents for source in _sources(document)}
    with collection.filling() as filling:
        sources = [source for document in dataset.documents for source in _sources(document)]
        taken = take(filling, collection.embedder, sources, progress)
    asked = {query.id: _asked(collection, query) for query in dataset.queries}
    spare = max(len(document.parts) for document in dataset.documents)
    run = {query: _shipped(collection, asked[query], query, documents, (depth, spare)) for query in asked}
    encoder_run = _exact(collection, asked, documents, depth)
    return BeirReport(
        dataset=dataset.name,
        num_documents=len(dataset.documents),
        num_queries=len(asked),
        num_left_out=dataset.num_left_out,
        depth=depth,
        seed=seed,
        taken=taken,
        figures=_figures(run, encoder_run, dataset, depth=depth, seed=seed),
        run=run,
        encoder_run=encoder_run,
    )


def trec_lines(run: Run, tag: str) -> Iterator[str]:
    """A run in the format of TREC: query, Q0, document, rank, score, tag; blanks in ids become underscores."""
    for query, scores in run.items():
        for rank, (document, score) in enumerate(sorted(scores.items(), key=lambda each: -each[1]), start=1):
            yield f"{'_'.join(query.split())} Q0 {'_'.join(document.split())} {rank} {score:.9g} {tag}"


def _sources(document: Document) -> list[Source]:
    """A document's text and files as items of the store; their uris lead back to it."""
    base = f"corpus:{quote(document.id, safe='')}"
    sources = []
    for place, part in enumerate(document.parts):
        origin = part if isinstance(part, str) else file_source(part).origin
        sources.append(Source(uri=f"{base}?{place}" if place else base, name=document.id, origin=origin))
    return sources


def _asked(collection: Collection, query: Document) -> Embedding:
    """A query's vector: of its one part, else of all of them together, read as a query of its first part's modality."""
    parts = [collection.embedder.query(part) for part in query.parts]
    if len(parts) == 1:
        return parts[0]
    total = np.sum([part.vector for part in parts], axis=0, keepdims=True)
    return Embedding(vector=unit(total)[0], modality=parts[0].modality, notes=())


def _shipped(
    collection: Collection, asked: Embedding, query: str, documents: Mapping[str, str], sizes: tuple[int, int]
) -> dict[str, float]:
    """The documents that a user is shown, in that order: the score is one over the rank."""
    depth, spare = sizes
    found: dict[str, float] = {}
    for hit in collection.find(asked, k=(depth + 1) * spare):
        document = documents.get(hit.uri.partition("#")[0])
        if document is not None and document not in found and document != query and len(found) < depth:
            found[document] = 1.0 / (len(found) + 1)
    return found


def _exact(
    collection: Collection, asked: Mapping[str, Embedding], documents: Mapping[str, str], depth: int
) -> dict[str, dict[str, float]]:
    """The nearest documents by the cosine of whole vectors, block by block; of several parts the nearest counts."""
    queries = np.stack([embedding.vector for embedding in asked.values()])
    best: list[dict[str, float]] = [{} for _ in asked]
    for names, rows in _blocks(collection, documents):
        for place, (query, scores) in enumerate(zip(asked, queries @ rows.T, strict=True)):
            mine = best[place]
            for at in np.flatnonzero(scores >= _least(scores, depth)):
                if names[at] != query:
                    mine[names[at]] = max(mine.get(names[at], -np.inf), float(scores[at]))
            ranked = sorted(mine.items(), key=lambda each: (np.float32(each[1]), each[0]), reverse=True)
            best[place] = dict(ranked[:depth])
    return dict(zip(asked, best, strict=True))


def _least(scores: Vectors, depth: int) -> float:
    """The score from which on documents of a block are looked at: ties, several parts and the query itself included."""
    wide = 4 * depth + 1
    return float(np.partition(scores, -wide)[-wide]) if len(scores) > wide else -np.inf


def _blocks(collection: Collection, documents: Mapping[str, str]) -> Iterator[tuple[list[str], Vectors]]:
    names: list[str] = []
    rows: list[Vectors] = []
    for item in collection.items():
        vector = _vector(collection, item) if item.uri in documents else None
        if vector is not None:
            names.append(documents[item.uri])
            rows.append(vector)
        if len(rows) == ROWS_A_BLOCK:
            yield names, np.stack(rows)
            names, rows = [], []
    if rows:
        yield names, np.stack(rows)


def _vector(collection: Collection, item: StoredItem) -> Vectors | None:
    try:
        embedding = collection.embedding(item.id)
    except UsageError:  # nothing in it has a vector
        return None
    return None if embedding is None else embedding.vector


def _figures(run: Run, encoder_run: Run, dataset: Dataset, *, depth: int, seed: int) -> tuple[Figure, ...]:
    cutoffs = [k for k in CUTOFFS if k <= depth]
    shipped, encoder = (values_of(each, dataset.judgments, cutoffs) for each in (run, encoder_run))
    chance = chance_of(dataset.judgments, len(dataset.documents), cutoffs, depth=depth)
    return tuple(
        Figure(
            measure=name,
            shipped=float(shipped[name].mean()),
            shipped_interval=bootstrap_interval(shipped[name], seed=seed),
            encoder=float(encoder[name].mean()),
            encoder_interval=bootstrap_interval(encoder[name], seed=seed),
            difference=float((shipped[name] - encoder[name]).mean()),
            difference_interval=bootstrap_interval(shipped[name] - encoder[name], seed=seed),
            chance=chance[name],
        )
        for name in shipped
    )


def _fields(value: float, interval: Interval) -> dict[str, float]:
    return {"value": value, "low": interval.low, "high": interval.high}
