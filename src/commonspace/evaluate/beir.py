"""A folder in the format of BEIR, and of its multimodal kin: documents, queries, and which answers which.

``corpus.jsonl`` has ``_id``, ``title`` and ``text`` a line, ``queries.jsonl`` has ``_id`` and ``text``, and
``qrels/test.tsv`` has ``query-id``, ``corpus-id`` and ``score`` under a heading. A document or a query may have files
instead of or beside its text: ``image``, ``audio`` and ``video`` are paths within the folder.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from commonspace.core.errors import UsageError
from commonspace.evaluate.dataset import Dataset, Document, Part, Shelf, Task

__all__ = ["read_beir"]

MEDIA = ("image", "audio", "video")


def read_beir(folder: Path, *, split: str = "test") -> Dataset:
    """Read a folder; queries without a relevant document in the corpus are left out and counted.

    Raises:
        UsageError: a file is missing or a line cannot be read; which, and what is wrong, is said.
    """
    documents = tuple(_documents(folder, "corpus.jsonl"))
    queries = {query.id: query for query in _documents(folder, "queries.jsonl")}
    _require_distinct(documents, folder)
    known = {document.id for document in documents}
    judged = _judgments(folder / "qrels" / f"{split}.tsv")
    relevant = {
        query: grades
        for query, grades in judged.items()
        if query in queries and any(grade > 0 and document in known for document, grade in grades.items())
    }
    if not relevant:
        raise UsageError(
            f"No query of {folder} has a relevant document in its corpus.",
            fix=f"Check that the ids in qrels/{split}.tsv are those of corpus.jsonl and queries.jsonl.",
        )
    part = Part(
        shelf=Shelf(name="corpus", documents=documents),
        queries=tuple(queries[query] for query in relevant),
        judgments=relevant,
    )
    task = Task(name="queries->corpus", parts=(part,), num_left_out=len(judged) - len(relevant))
    return Dataset(name=folder.resolve().name, tasks=(task,))


def _documents(folder: Path, name: str) -> Iterator[Document]:
    path = folder / name
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _document(folder, path, number, line)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.",
            fix="A BEIR folder holds corpus.jsonl, queries.jsonl and qrels/test.tsv (docs/evaluate.md).",
        ) from error


def _document(folder: Path, path: Path, number: int, line: bytes) -> Document:
    try:
        record: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _bad(path, number, f"is not JSON ({error})") from error
    if not isinstance(record, Mapping) or not str(record.get("_id") or "").strip():
        raise _bad(path, number, "has no _id")
    words = [str(record.get(field) or "").strip() for field in ("title", "text")]
    files = tuple(_file(folder, path, number, str(record[kind])) for kind in MEDIA if record.get(kind))
    document = Document(id=str(record["_id"]), text=" ".join(word for word in words if word), files=files)
    if not document.parts:
        raise _bad(path, number, "has neither text nor a file")
    return document


def _file(folder: Path, path: Path, number: int, name: str) -> Path:
    """A file that a line names; one outside the folder is refused."""
    file = folder / name
    if not file.resolve().is_relative_to(folder.resolve()):
        raise _bad(path, number, f"names {name}, which lies outside the folder")
    if not file.is_file():
        raise _bad(path, number, f"names {name}, which is not there")
    return file


def _judgments(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", fix="Name another split with --split.") from error
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and row[0] in ("query-id", "query_id", "qid")):
            continue
        try:
            query, document, grade = row if len(row) == 3 else (row[0], row[2], row[3])  # the second is TREC's
            judged.setdefault(query, {})[document] = int(grade)
        except (ValueError, IndexError) as error:
            raise _bad(path, number, f"is not a query, a document and a whole grade ({error})") from error
    return judged


def _require_distinct(documents: tuple[Document, ...], folder: Path) -> None:
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise UsageError(
                f"{folder / 'corpus.jsonl'} holds the document '{document.id}' twice.", fix="Give each its own _id."
            )
        seen.add(document.id)


def _bad(path: Path, number: int, what: str) -> UsageError:
    return UsageError(f"Line {number} of {path} {what}.", fix="Put the line right, or leave it out.")
