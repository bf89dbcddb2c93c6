"""What ``remote.json`` says of a provider's model: whom to ask, for what, and where the key is found."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final, Self, final
from urllib.parse import urlsplit

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality

__all__ = ["Provider", "Role", "Specification"]


class Provider(StrEnum):
    """The ways of asking that are known."""

    OPENAI = "openai"
    COHERE = "cohere"
    VOYAGE = "voyage"
    JINA = "jina"
    GEMINI = "gemini"


class Role(StrEnum):
    """What an item is embedded for, where the provider tells the two apart."""

    PASSAGE = "passage"
    QUERY = "query"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    url: str
    variable: str
    pictures: bool
    passage: str | None
    query: str | None


USUAL: Final[Mapping[Provider, _Usual]] = {
    Provider.OPENAI: _Usual(
        url="https://api.openai.com/v1", variable="OPENAI_API_KEY", pictures=False, passage=None, query=None
    ),
    Provider.COHERE: _Usual(
        url="https://api.cohere.com/v2",
        variable="COHERE_API_KEY",
        pictures=True,
        passage="search_document",
        query="search_query",
    ),
    Provider.VOYAGE: _Usual(
        url="https://api.voyageai.com/v1",
        variable="VOYAGE_API_KEY",
        pictures=True,
        passage="document",
        query="query",
    ),
    Provider.JINA: _Usual(
        url="https://api.jina.ai/v1",
        variable="JINA_API_KEY",
        pictures=True,
        passage="retrieval.passage",
        query="retrieval.query",
    ),
    Provider.GEMINI: _Usual(
        url="https://generativelanguage.googleapis.com/v1beta",
        variable="GEMINI_API_KEY",
        pictures=True,
        passage="RETRIEVAL_DOCUMENT",
        query="RETRIEVAL_QUERY",
    ),
}
KNOWN: Final = {
    "provider",
    "model",
    "dimension",
    "base_url",
    "key_variable",
    "modalities",
    "roles",
    "batch_items",
    "timeout_seconds",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One model of one provider. ``roles`` are the provider's own words for the two roles, None where it has none.

    The key is never here: ``key_variable`` names the environment variable that holds it, None where none is needed.
    """

    provider: Provider
    model: str
    dimension: int
    base_url: str
    key_variable: str | None
    modalities: tuple[Modality, ...]
    roles: Mapping[Role, str | None]
    batch_items: int
    timeout_seconds: float

    @property
    def host(self) -> str:
        """Where data go, as people read it."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """From a JSON object; the provider's usual address, variable and roles where it does not say.

        Raises:
            ModelError: something is missing, unknown, or would send a key in the clear.
        """
        unknown = sorted(set(document) - KNOWN)
        if unknown:
            raise _wrong(f"it has {', '.join(unknown)}, which means nothing here")
        try:
            provider = Provider(str(document.get("provider")))
            usual = USUAL[provider]
            pictures = (Modality.IMAGE,) if usual.pictures else ()
            told = document.get("modalities")
            roles = dict(document.get("roles") or {})
            made = cls(
                provider=provider,
                model=str(document["model"]),
                dimension=int(document["dimension"]),
                base_url=str(document.get("base_url", usual.url)).rstrip("/"),
                key_variable=document.get("key_variable", usual.variable),
                modalities=(Modality.TEXT, *pictures) if told is None else tuple(Modality(each) for each in told),
                roles={Role.PASSAGE: roles.get("passage", usual.passage), Role.QUERY: roles.get("query", usual.query)},
                batch_items=int(document.get("batch_items", 64)),
                timeout_seconds=float(document.get("timeout_seconds", 60)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _wrong(f"{type(error).__name__}: {str(error)[:120]}") from error
        made._check(usual)
        return made

    def _check(self, usual: _Usual) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or "")):
            raise _wrong(f"base_url {self.base_url[:80]} is not https, and keys travel in no other way")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise _wrong("base_url holds more than an address; the key belongs into an environment variable")
        possible = {Modality.TEXT, *((Modality.IMAGE,) if usual.pictures else ())}
        if not self.modalities or not set(self.modalities) <= possible:
            raise _wrong(f"{self.provider} embeds {', '.join(sorted(possible))}, not {', '.join(self.modalities)}")
        if self.dimension < 1 or not self.model or self.timeout_seconds <= 0 or self.batch_items < 1:
            raise _wrong("model, dimension, batch_items or timeout_seconds is empty or too small")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong(cause: str) -> ModelError:
    return ModelError(f"remote.json cannot be used: {cause}.", fix="Correct it (docs/models.md has one of each kind).")
