"""Answers by content: the hash of the bytes, the space and the options; bounded in memory and, if wanted, on disk."""

import contextlib
import json
import sqlite3
import threading
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import Final, final

import numpy as np
from blake3 import blake3

from commonspace.core.modality import Modality
from commonspace.ingest.source import Source
from commonspace.serve.answer import Answer, Usage

__all__ = ["AnswerCache", "DiskAnswers", "answer_key"]

OVERHEAD_BYTES: Final = 600
"""What an answer takes in memory besides its vector, about."""
PRUNED_SHARE: Final = 0.9

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, vector BLOB NOT NULL, about TEXT NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID
"""


def answer_key(source: Source, fingerprint: str, tenant: str) -> bytes:
    """What an answer is remembered under; no two tenants, spaces or contents share one.

    The kind of source goes in: the text "a" and a file of that one byte are different items.
    """
    if isinstance(source.origin, Path):
        raise TypeError("files on the server's side are not remembered")
    is_text = isinstance(source.origin, str)
    content = source.origin.encode("utf-8", "surrogatepass") if isinstance(source.origin, str) else source.origin
    kind = ("asked " if source.asked else "") + ("text" if is_text else "media")
    hasher = blake3(f"{fingerprint}\0{tenant}\0{kind}\0".encode())
    return hasher.update(content).digest()


@final
class DiskAnswers:
    """Answers in one SQLite file of about ``num_bytes`` at most, the least recently used gone first."""

    def __init__(self, path: Path, num_bytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._num_bytes = num_bytes
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")  # a lost answer is computed again
        self._connection.execute(SCHEMA)
        self._clock = int(self._connection.execute("SELECT coalesce(max(used), 0) FROM answers").fetchone()[0])

    def get(self, key: bytes) -> Answer | None:
        """The answer under a key."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            row = self._connection.execute("SELECT vector, about FROM answers WHERE key = ?", (key,)).fetchone()
            if row is not None:
                self._connection.execute("UPDATE answers SET used = ? WHERE key = ?", (self._tick(), key))
                return _read(*row)
        return None

    def put(self, key: bytes, answer: Answer) -> None:
        """Remember an answer; a disk that refuses costs the memory of it, not the request."""
        row = (key, answer.vector.astype("<f4").tobytes(), _about(answer), self._tick())
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)
            if row[3] % 256 == 0:
                self._prune()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _prune(self) -> None:
        size = "SELECT coalesce(sum(length(vector) + length(about) + 64), 0), count(*) FROM answers"
        num_bytes, count = self._connection.execute(size).fetchone()
        if num_bytes > self._num_bytes:
            surplus = count - int(count * PRUNED_SHARE * self._num_bytes / num_bytes)
            oldest = "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY used LIMIT ?)"
            self._connection.execute(oldest, (surplus,))


@final
class AnswerCache:
    """Answers in memory, the least recently used gone first, with a disk behind if there is one."""

    def __init__(self, num_bytes: int, disk: DiskAnswers | None = None) -> None:
        self.num_bytes = 0
        self._most_bytes = num_bytes
        self._disk = disk
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: bytes) -> Answer | None:
        """The answer under a key, if it is remembered."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
            return answer
        answer = self._disk.get(key) if self._disk is not None else None
        if answer is not None:
            self._keep(key, answer)
        return answer

    def put(self, key: bytes, answer: Answer) -> None:
        """Remember an answer, as far as there is room."""
        self._keep(key, answer)
        if self._disk is not None:
            self._disk.put(key, answer)

    def close(self) -> None:
        """Close the disk's file."""
        if self._disk is not None:
            self._disk.close()

    def _keep(self, key: bytes, answer: Answer) -> None:
        size = answer.vector.nbytes + OVERHEAD_BYTES
        if size > self._most_bytes or key in self._answers:
            return
        self._answers[key] = answer
        self.num_bytes += size
        while self.num_bytes > self._most_bytes:
            _, gone = self._answers.popitem(last=False)
            self.num_bytes -= gone.vector.nbytes + OVERHEAD_BYTES


def _about(answer: Answer) -> str:
    return json.dumps(
        {
            "modality": answer.modality,
            "notes": answer.notes,
            "truncated": answer.truncated,
            "usage": asdict(answer.usage),
            "metadata": answer.metadata,
        }
    )


def _read(vector: bytes, about: str) -> Answer:
    known = json.loads(about)
    return Answer(
        vector=np.frombuffer(vector, dtype="<f4").astype(np.float32),
        modality=Modality(known["modality"]),
        notes=tuple(known["notes"]),
        truncated=known["truncated"],
        usage=Usage(**known["usage"]),
        metadata=known.get("metadata", {}),
    )
