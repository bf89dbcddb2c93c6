"""Log lines as JSON objects, in which nothing that looks like a key is left and no error shows what it was about."""

import logging
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final, final

import orjson

from commonspace.serve.secret import KEY_PATTERN

__all__ = ["JsonLines", "configure_logs", "redacted"]

NAMED_KEYS: Final = re.compile(
    r"""(?i)\b(bearer\s+|(?:x-api-key|api[-_]?key|authorization)["']?\s*[:=]\s*["']?)(?!bearer)[\w.~+/=-]{8,}"""
)
OTHER_KEYS: Final = re.compile(r"\b(?:sk|pk|co|hf|ghp|xox[abp])[-_][\w-]{16,}")
QUERY: Final = re.compile(r"\?[^\s\"']*=[^\s\"']*")
PATH: Final = re.compile(r"(?<![\w.:/}])/(?!(?:v1|v2|livez|readyz|metrics)\b)(?:[\w.+@~-]+/)+[\w.+@~-]*")
LOGGERS: Final = ("commonspace", "uvicorn")
OWN_REQUEST: Final = re.compile(r"req-[0-9a-f]{24}")
SHORT_CHARS: Final = 200


def redacted(text: str) -> str:
    """The same text without keys, query strings and paths of this machine. A key of ours keeps its public id."""
    if text.isalnum() or OWN_REQUEST.fullmatch(text):
        return text
    return _seen(text) if len(text) <= SHORT_CHARS else _redacted(text)


def _redacted(text: str) -> str:
    text = KEY_PATTERN.sub(r"cs_\1_[key]", text)
    text = NAMED_KEYS.sub(r"\1[key]", text)
    text = OTHER_KEYS.sub("[key]", text)
    return PATH.sub("[path]", QUERY.sub("?[query]", text))


_seen = lru_cache(maxsize=256)(_redacted)
"""Most of what is logged and told is said again and again: routes, causes, advice."""


@final
class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and what ``extra={"fields": {...}}`` adds.

    Of an exception only its type and places in the code are told: its message may hold what somebody sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line for one record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redacted(record.getMessage()),
        }
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        line |= {name: _plain(value) for name, value in fields.items()}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = type(record.exc_info[1]).__name__
            line["places"] = _places(record.exc_info[1])
        return orjson.dumps(line).decode()


def _plain(value: object) -> object:
    """Words without secrets, and numbers; of anything else only its type, for who knows what is in it."""
    if isinstance(value, str):
        return redacted(value)
    return value if value is None or isinstance(value, bool | int | float) else type(value).__name__


def _places(error: BaseException, most: int = 8) -> list[str]:
    """The innermost places in the code that an error went through, as ``folder/file.py:line``."""
    frames = traceback.extract_tb(error.__traceback__)[-most:]
    return [f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}" for frame in frames]


def configure_logs(stream: IO[str], level: int = logging.INFO) -> None:
    """Send our own and uvicorn's records to a stream as JSON lines, and nowhere else."""
    lines = logging.StreamHandler(stream)
    lines.setFormatter(JsonLines())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [lines]
        logger.propagate = False
        logger.setLevel(level)
