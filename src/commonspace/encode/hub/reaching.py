"""Reaches a hub through its library: at the address that the environment names, with errors in this house's words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

from commonspace.core.errors import MissingExtra, ModelError, UsageError

__all__ = ["Hub", "answering", "reach"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """The hub's library at the address that the environment names."""

    library: Any
    endpoint: str

    def api(self) -> Any:
        """The library's client."""
        return self.library.HfApi(endpoint=self.endpoint)

    def url(self, name: str, commit: str, file: str) -> str:
        """Where a file of a model at a commit is fetched."""
        return str(self.library.hf_hub_url(name, file, revision=commit, endpoint=self.endpoint))


def reach() -> Hub:
    """The hub, if this machine may go out.

    Raises:
        UsageError: it is set to stay offline.
        MissingExtra: the hub's library is not installed.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise UsageError("HF_HUB_OFFLINE is set: nothing is fetched.", fix="Unset it, and pull again.")
    try:
        import huggingface_hub
    except ImportError:
        raise MissingExtra("Pulling models needs huggingface_hub.", fix="Run: pip install 'commonspace[hub]'") from None
    return Hub(library=huggingface_hub, endpoint=os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/"))


@contextmanager
def answering(name: str, revision: str) -> Iterator[None]:
    """Answer the library's and the network's errors in this house's words.

    Raises:
        ModelError: the model is not to be had, or fetching it stopped.
    """
    from huggingface_hub import errors

    stopped: tuple[type[Exception], ...] = (errors.HfHubHTTPError, OSError, ValueError, *_network_errors())
    try:
        yield
    except errors.GatedRepoError as error:
        fix = "Accept its terms on its page, and set HF_TOKEN."
        raise ModelError(f"{name} is gated: its owner asks who fetches it.", fix=fix) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise ModelError(
            f"The hub has no model '{name}' with a revision '{revision}'.",
            fix="Check both on the hub; a private model wants HF_TOKEN.",
        ) from error
    except stopped as error:
        raise ModelError(
            f"Fetching {name} stopped: {str(error)[:200] or type(error).__name__}.",
            fix="Pull again with the same command: what has come is kept.",
        ) from error


def _network_errors() -> tuple[type[Exception], ...]:
    """What the HTTP library beneath the hub's raises, whichever of its generations that is."""
    from huggingface_hub import file_download

    found = (getattr(file_download, name, None) for name in ("httpx2", "httpx"))
    return tuple(each.HTTPError for each in found if each is not None)
