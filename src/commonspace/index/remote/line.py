"""A call to a networked store: tried again where that may help, and told as one of our errors where it does not."""

import importlib
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, TypeVar, final
from urllib.parse import urlsplit

from commonspace.core.errors import MissingExtra, StoreError, UsageError

__all__ = ["Fault", "Line", "library", "read_secret", "without_password"]

TRIES: Final = 3
FIRST_PAUSE_SECONDS: Final = 0.1
MOST_SHOWN: Final = 300

Result = TypeVar("Result")


class Fault(Enum):
    """What may be wrong with a call."""

    UNREACHABLE = auto()
    DENIED = auto()
    MISSHAPEN = auto()
    OTHER = auto()


_CAUSES: Final = {
    Fault.UNREACHABLE: (
        "{name} at {url} cannot be reached ({reason}).",
        "Start the server or correct index.url; the store is whole, and unset index.backend searches it in memory.",
    ),
    Fault.DENIED: (
        "{name} at {url} refuses these credentials ({reason}).",
        "Correct the user in index.url, or the password, token or key in the file that index.secret_file names.",
    ),
    Fault.MISSHAPEN: (
        "{name} at {url} holds vectors of another dimension under this name ({reason}).",
        "Set index.collection to another name; what is there was not made for this store.",
    ),
    Fault.OTHER: (
        "{name} at {url} refused: {reason}.",
        "Look into the server's log; its rows may be dropped at any time, and are pushed again from the store.",
    ),
}


@final
class Line:
    """What is known of the way to one server: its name, where it is, and how its errors are to be read."""

    def __init__(
        self,
        name: str,
        url: str,
        kinds: tuple[type[BaseException], ...],
        judge: Callable[[BaseException], Fault],
        secret: str | None = None,
        tries: int = TRIES,
    ) -> None:
        self._name = name
        self._url = url
        self._kinds = kinds
        self._judge = judge
        self._secret = secret
        self._tries = tries

    def call(self, action: Callable[[], Result]) -> Result:
        """Do it, a few times while the server cannot be reached.

        Raises:
            StoreError: the server cannot be reached, or refuses.
        """
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(1, self._tries + 1):
            try:
                return action()
            except self._kinds as error:
                fault = self._judge(error)
                if fault is not Fault.UNREACHABLE or attempt == self._tries:
                    raise self._told(fault, error) from None
            time.sleep(pause)
            pause *= 2
        raise AssertionError  # the last try returns or raises

    def foreign(self, what: str) -> StoreError:
        """Something is there under the name that is not ours; it is left alone."""
        return StoreError(
            f"{self._name} at {self._url} holds something under the name '{what}' that this store did not make.",
            fix="Set index.collection to another name, or drop what is there.",
        )

    def _told(self, fault: Fault, error: BaseException) -> StoreError:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0][:MOST_SHOWN].rstrip(" .:")
        if self._secret:
            reason = reason.replace(self._secret, "***")
        cause, fix = _CAUSES[fault]
        return StoreError(cause.format(name=self._name, url=self._url, reason=reason), fix=fix)


def library(module: str, extra: str) -> Any:
    """A client library, loaded when it is first needed.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"index.backend needs {module}, which is not installed.", fix=f"pip install 'commonspace[{extra}]'"
        ) from error


def read_secret(path: Path) -> str:
    """What a file holds besides white space at its ends: a password, token or key.

    Raises:
        UsageError: it cannot be read, or holds nothing.
    """
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The file '{path}', which index.secret_file names, cannot be read ({type(error).__name__}).",
            fix="Correct the path, or let this user read the file.",
        ) from error
    if not secret:
        raise UsageError(
            f"The file '{path}', which index.secret_file names, is empty.", fix="Put the password, token or key in it."
        )
    return secret


def without_password(url: str) -> str:
    """The URL, which may show in settings, messages and logs.

    Raises:
        UsageError: it holds a password.
    """
    if urlsplit(url).password is not None:
        raise UsageError(
            "index.url holds a password, which settings, messages and logs would show.",
            fix="Take it out of the URL, and name a file that holds only the password with index.secret_file.",
        )
    return url
