"""How each provider is asked for vectors, and where they stand in its answer; no byte is sent from here."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, final
from urllib.parse import quote

from commonspace.encode.remote.specification import Provider, Role, Specification

__all__ = ["FORMATS", "Asked", "Format"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Items of one role and kind: texts, or PNG pictures."""

    role: Role
    texts: Sequence[str] = ()
    pictures: Sequence[bytes] = ()


class Format(Protocol):
    """One provider's requests and answers."""

    @property
    def most(self) -> int:
        """How many items a request may have."""
        ...

    def headers(self, key: str) -> dict[str, str]:
        """What carries the key."""
        ...

    def request(self, model: Specification, asked: Asked) -> tuple[str, dict[str, Any]]:
        """The path after the base URL, and the JSON body."""
        ...

    def rows(self, answer: Mapping[str, Any]) -> list[list[float]]:
        """The vectors, in the order asked. May raise KeyError, TypeError or ValueError of a strange answer."""
        ...


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{b64encode(picture).decode()}"


def _listed(answer: Mapping[str, Any]) -> list[list[float]]:
    return [each["embedding"] for each in sorted(answer["data"], key=lambda each: int(each.get("index", 0)))]


def _with(name: str, role: str | None) -> dict[str, str]:
    return {} if role is None else {name: role}


@final
class _OpenAI:
    most = 2048

    def headers(self, key: str) -> dict[str, str]:
        return _bearer(key)

    def request(self, model: Specification, asked: Asked) -> tuple[str, dict[str, Any]]:
        return "/embeddings", {"model": model.model, "input": list(asked.texts), "encoding_format": "float"}

    def rows(self, answer: Mapping[str, Any]) -> list[list[float]]:
        return _listed(answer)


@final
class _Cohere:
    most = 96

    def headers(self, key: str) -> dict[str, str]:
        return _bearer(key)

    def request(self, model: Specification, asked: Asked) -> tuple[str, dict[str, Any]]:
        role = model.roles[asked.role] or "search_document"
        body: dict[str, Any] = {"model": model.model, "input_type": role, "embedding_types": ["float"]}
        if asked.pictures:
            return "/embed", {**body, "inputs": [{"content": [_picture_url(each)]} for each in asked.pictures]}
        return "/embed", {**body, "texts": list(asked.texts)}

    def rows(self, answer: Mapping[str, Any]) -> list[list[float]]:
        rows: list[list[float]] = answer["embeddings"]["float"]
        return rows


def _picture_url(picture: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": _data_url(picture)}}


@final
class _Voyage:
    most = 128

    def headers(self, key: str) -> dict[str, str]:
        return _bearer(key)

    def request(self, model: Specification, asked: Asked) -> tuple[str, dict[str, Any]]:
        texts = [{"type": "text", "text": each} for each in asked.texts]
        pictures = [{"type": "image_base64", "image_base64": _data_url(each)} for each in asked.pictures]
        inputs = [{"content": [each]} for each in [*texts, *pictures]]
        return "/multimodalembeddings", {
            "model": model.model,
            "inputs": inputs,
            **_with("input_type", model.roles[asked.role]),
        }

    def rows(self, answer: Mapping[str, Any]) -> list[list[float]]:
        return _listed(answer)


@final
class _Jina:
    most = 128

    def headers(self, key: str) -> dict[str, str]:
        return _bearer(key)

    def request(self, model: Specification, asked: Asked) -> tuple[str, dict[str, Any]]:
        texts = [{"text": each} for each in asked.texts]
        pictures = [{"image": b64encode(each).decode()} for each in asked.pictures]
        return "/embeddings", {
            "model": model.model,
            "input": [*texts, *pictures],
            "embedding_type": "float",
            **_with("task", model.roles[asked.role]),
        }

    def rows(self, answer: Mapping[str, Any]) -> list[list[float]]:
        return _listed(answer)


@final
class _Gemini:
    most = 100

    def headers(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    def request(self, model: Specification, asked: Asked) -> tuple[str, dict[str, Any]]:
        parts: list[dict[str, Any]] = [{"text": each} for each in asked.texts]
        parts += [
            {"inlineData": {"mimeType": "image/png", "data": b64encode(each).decode()}} for each in asked.pictures
        ]
        name = f"models/{model.model}"
        more = {**_with("taskType", model.roles[asked.role]), "outputDimensionality": model.dimension}
        return f"/models/{quote(model.model, safe='')}:batchEmbedContents", {
            "requests": [{"model": name, "content": {"parts": [each]}, **more} for each in parts]
        }

    def rows(self, answer: Mapping[str, Any]) -> list[list[float]]:
        return [each["values"] for each in answer["embeddings"]]


FORMATS: Final[Mapping[Provider, Format]] = {
    Provider.OPENAI: _OpenAI(),
    Provider.COHERE: _Cohere(),
    Provider.VOYAGE: _Voyage(),
    Provider.JINA: _Jina(),
    Provider.GEMINI: _Gemini(),
}
