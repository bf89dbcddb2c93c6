"""Encoder, index and ranking measured together on a dataset, beside exact search over the encoder's vectors alone.

Documents are brought into a store and searched as any store is: passages, hubness correction, probabilities, index, and
words beside vectors where the store does that by itself. Beside that stands the same without words, and every
document's one vector compared with the query exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final
from urllib.parse import quote

from commonspace.apps.asking import content_part
from commonspace.apps.collection import Collection
from commonspace.apps.encoder_ranking import encoder_ranking
from commonspace.apps.evaluation_report import EvaluationReport, Runs, TaskReport, figures_of
from commonspace.apps.shelving import Report, Telling, document_uri, fill_shelves, sources_of
from commonspace.core.errors import ItemError, UsageError
from commonspace.encode.embedder import Embedder
from commonspace.evaluate.dataset import Dataset, Document, Part, Task
from commonspace.index.filters import Starts
from commonspace.ingest.source import ItemFailure
from commonspace.retrieve.asked import Asked

__all__ = ["evaluate"]

Question = Asked | ItemError


def evaluate(
    collection: Collection, dataset: Dataset, *, depth: int = 100, seed: int = 0, progress: Report | None = None
) -> EvaluationReport:
    """Bring the documents into the collection and answer every query on all paths, to ``depth`` documents.

    A query's own document (of the same id) is no answer, as in BEIR. Equal cosines of the encoder's path are ordered as
    ``trec_eval`` does; the shipped paths have the order that they show. Documents that cannot be read are never found,
    queries that cannot be read find nothing; both are failures of the report. Interrupted and run again it goes on
    where it was with the documents.

    Raises:
        UsageError: ``depth`` is below one, or the collection holds something that is not of the dataset.
        UnsupportedModality: the space lacks a modality that a task is about.
        StoreError: the store cannot be written; what was reported as done is kept.
    """
    if depth < 1:
        raise UsageError(f"The depth is {depth}.", fix="Ask for at least one document a query.")
    for modality in dict.fromkeys(modality for task in dataset.tasks for modality in task.modalities):
        collection.space.require(modality)
    documents = [(shelf, document) for shelf in dataset.shelves for document in shelf.documents]
    num_sources = sum(len(sources_of(shelf, document)) or 1 for shelf, document in documents)
    telling = Telling(say=progress, total=num_sources + sum(len(part.queries) for part in dataset.parts))
    taken = fill_shelves(collection, documents, telling)
    reports, failures = [], [*dataset.failures, *taken.failures]
    for task in dataset.tasks:
        answered = [_answered(collection, dataset, part, depth, telling) for part in task.parts]
        failures += [failure for _, part_failures in answered for failure in part_failures]
        reports.append(_task_report(task, [runs for runs, _ in answered], depth=depth, seed=seed))
    return EvaluationReport(
        dataset=dataset.name,
        depth=depth,
        seed=seed,
        taken=taken,
        failures=tuple(failures),
        notes=dataset.notes,
        tasks=tuple(reports),
    )


def _answered(
    collection: Collection, dataset: Dataset, part: Part, depth: int, telling: Telling
) -> tuple[Runs, list[ItemFailure]]:
    """What every path answers to the queries of a part, and the queries that cannot be read."""
    documents = {document_uri(part.shelf, document): document.id for document in part.shelf.documents}
    documents |= {source.uri: one.id for one in part.shelf.documents for source in sources_of(part.shelf, one)}
    spare = max(len(document.parts) or 1 for document in part.shelf.documents)
    looking = _Looking(
        collection=collection,
        documents=documents,
        k=(depth + 1) * spare,
        depth=depth,
        where=Starts(field="uri", prefix=f"{part.shelf.name}:") if len(dataset.shelves) > 1 else None,
    )
    asked: dict[str, Asked] = {}
    shipped: dict[str, Mapping[str, float]] = {}
    vectors: dict[str, Mapping[str, float]] = {}
    failures = []
    for query in part.queries:
        question = _question(collection.embedder, query)
        if isinstance(question, ItemError):
            failures.append(ItemFailure(uri=f"query:{quote(query.id, safe='')}", name=query.id, error=question))
            telling.step(query.id, failures[-1:])
            continue
        asked[query.id] = question
        shipped[query.id] = looking.shown(question, query.id)
        vectors[query.id] = looking.shown(question, query.id, keywords=False) if question.words else shipped[query.id]
        telling.step(query.id)
    encoder = encoder_ranking(collection, asked, (part.shelf, documents), depth)
    return Runs(shipped=shipped, vectors=vectors, encoder=encoder), failures


def _question(embedder: Embedder, query: Document) -> Question:
    """A query of one part, or of all of them together, as a search would take it; the error of what cannot be read."""
    try:
        return Asked(parts=tuple(content_part(part, embedder.query(part), 1.0) for part in query.parts))
    except ItemError as error:
        return error


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Looking:
    """How one part's shelf is searched."""

    collection: Collection
    documents: Mapping[str, str]
    k: int
    depth: int
    where: Starts | None

    def shown(self, asked: Asked, query: str, *, keywords: bool | None = None) -> dict[str, float]:
        """The documents that a user is shown, in that order: the score is one over the rank."""
        found: dict[str, float] = {}
        for hit in self.collection.find(asked, k=self.k, where=self.where, keywords=keywords):
            document = self.documents.get(hit.uri.partition("#")[0])
            if document is not None and document not in found and document != query and len(found) < self.depth:
                found[document] = 1.0 / (len(found) + 1)
        return found


def _task_report(task: Task, parts: Sequence[Runs], *, depth: int, seed: int) -> TaskReport:
    runs = Runs(
        shipped={query: found for part in parts for query, found in part.shipped.items()},
        vectors={query: found for part in parts for query, found in part.vectors.items()},
        encoder={query: found for part in parts for query, found in part.encoder.items()},
    )
    return TaskReport(
        name=task.name,
        num_documents=sum(len(part.shelf.documents) for part in task.parts),
        num_queries=sum(len(part.queries) for part in task.parts),
        num_left_out=task.num_left_out,
        figures=figures_of(task, runs, depth=depth, seed=seed),
        runs=runs,
    )
