"""A call to a provider over HTTP: tried again where that may help, told as a ModelError where it does not."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, final

import httpx
import orjson

from commonspace.core.errors import ModelError

__all__ = ["Caller"]

TRIES: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.5
MOST_PAUSE_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 256_000_000
PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""


@final
class Caller:
    """Posts JSON to one address. Redirects are not followed: a key goes nowhere but where a person sent it."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        timeout_seconds: float,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url
        timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        self._client = httpx.Client(headers=dict(headers), timeout=timeout, follow_redirects=False)
        self._pause = pause

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a body, and give the object that comes back.

        Raises:
            ModelError: it cannot be reached, or refuses, after as many tries as may help.
        """
        content, problem = orjson.dumps(body), ""
        for attempt in range(TRIES):
            wait = FIRST_PAUSE_SECONDS * 2**attempt
            try:
                response = self._client.post(
                    self._base_url + path, content=content, headers={"Content-Type": "application/json"}
                )
            except httpx.TransportError as error:
                problem = f"cannot be reached ({type(error).__name__})"
            else:
                if response.is_success:
                    return self._object(response)
                problem = f"answers {response.status_code}"
                if response.status_code not in PASSING:
                    raise self._failed(problem, _advice(response.status_code))
                wait = _asked_wait(response.headers.get("retry-after")) or wait
            if attempt + 1 < TRIES:
                self._pause(min(wait, MOST_PAUSE_SECONDS))
        raise self._failed(f"{problem}, {TRIES} times over", "Try again later; nothing was stored of this.")

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = orjson.loads(response.content) if len(response.content) <= MAX_ANSWER_BYTES else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._failed("answers with what is no JSON object", "Check base_url in remote.json.")
        return answer

    def _failed(self, problem: str, fix: str) -> ModelError:
        """What went wrong, without the body of an answer: some repeat keys and texts in it."""
        return ModelError(f"The provider at {self._base_url} {problem}.", fix=fix)


def _advice(status: int) -> str:
    match status:
        case 401 | 403:
            return "Check the key in the environment variable that remote.json names."
        case 404:
            return "Check base_url and model in remote.json."
        case 413:
            return "Lower batch_items in remote.json, or embed smaller items."
    return "Check the model's name and what it takes in the provider's documentation."


def _asked_wait(header: str | None) -> float | None:
    """Seconds that the provider asks to wait: a number, or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
