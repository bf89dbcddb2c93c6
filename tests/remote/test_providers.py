"""A provider's model is a space like any other once data may leave, and asks nobody before."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from commonspace.core.errors import ModelError, UsageError
from commonspace.core.vectors import unit
from commonspace.encode import catalog
from commonspace.encode.remote.call import Caller
from commonspace.ingest.plan import Plan
from tests.remote.provider import DIMENSION, KEY, Provider, serving, vector_of

ROLES: Final[dict[str, tuple[str | None, str | None]]] = {
    "openai": (None, None),
    "cohere": ("search_document", "search_query"),
    "voyage": ("document", "query"),
    "jina": ("retrieval.passage", "retrieval.query"),
    "gemini": ("RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"),
}
TEXTS: Final = ["a dog", "rain", "привет", 'quotes " and \n lines', "x"]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)


def folder_for(server: Provider, home: Path, **more: Any) -> Path:
    """A folder that names the provider on this machine."""
    told = {
        "provider": "openai",
        "model": "small-1",
        "dimension": DIMENSION,
        "base_url": server.url,
        "key_variable": "SOME_KEY",
    }
    (home / "remote.json").write_text(json.dumps({**told, **more}))
    return home


@pytest.mark.parametrize("kind", ROLES)
def test_texts_have_the_provider_s_vectors_by_what_they_are_embedded_for(
    provider: Provider, tmp_path: Path, kind: str
) -> None:
    embedder = catalog.load(folder_for(provider, tmp_path, provider=kind, batch_items=2), Plan(), remote=True)
    passage, query = ROLES[kind]

    rows = embedder.embed(TEXTS)
    asked = embedder.query("a dog").vector

    np.testing.assert_allclose(rows, unit(np.stack([vector_of(text, passage) for text in TEXTS])), atol=1e-6)
    np.testing.assert_allclose(asked, unit(vector_of("a dog", query)[None])[0], atol=1e-6)
    assert len(provider.asked) == 4
    assert all(KEY not in json.dumps(body) for _, body in provider.asked)


@pytest.mark.parametrize("kind", [kind for kind in ROLES if kind != "openai"])
def test_pictures_have_the_provider_s_vectors(provider: Provider, tmp_path: Path, kind: str) -> None:
    embedder = catalog.load(folder_for(provider, tmp_path, provider=kind), Plan(), remote=True)
    random = np.random.default_rng(3)
    pixels = [random.integers(0, 256, (20, side, 3), dtype=np.uint8) for side in (10, 31)]

    rows = embedder.embed([Image.fromarray(each) for each in pixels])

    wanted = np.stack([vector_of_pixels(each, ROLES[kind][0]) for each in pixels])
    np.testing.assert_allclose(rows, unit(wanted), atol=1e-6)


def vector_of_pixels(pixels: Any, role: str | None) -> Any:
    """What the provider answers to a picture of these pixels."""
    from io import BytesIO

    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return vector_of(file.getvalue(), role)


def test_nobody_is_asked_unless_data_may_leave(provider: Provider, tmp_path: Path) -> None:
    folder = folder_for(provider, tmp_path)
    embedder = catalog.load(folder, Plan())

    with pytest.raises(UsageError, match=r"127\.0\.0\.1") as caught:
        embedder.embed(["a dog"])

    assert "allow_remote" in caught.value.fix
    assert provider.asked == []
    assert "DATA LEAVES THIS MACHINE" in catalog.card_of(folder).description


def test_it_says_so_when_it_is_first_used(provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    embedder = catalog.load(folder_for(provider, tmp_path), Plan(), remote=True)

    with caplog.at_level(logging.WARNING):
        embedder.embed(["a dog"])
        embedder.embed(["rain"])

    said = [each.getMessage() for each in caplog.records if "leaves this machine" in each.getMessage()]
    assert len(said) == 1
    assert KEY not in caplog.text


def test_it_waits_as_long_as_it_is_asked_to_and_tries_again(provider: Provider) -> None:
    provider.first = [(429, {"Retry-After": "7"}), (503, {}), (429, {"Retry-After": "86400"})]
    waits: list[float] = []
    caller = Caller(provider.url, {"Authorization": f"Bearer {KEY}"}, 10, waits.append)

    answer = caller.post("/embeddings", {"model": "m", "input": ["a"]})

    assert waits == [7.0, 1.0, 60.0]
    assert len(answer["data"]) == 1


def test_it_gives_up_after_some_tries(provider: Provider) -> None:
    provider.first = [(503, {})] * 9
    waits: list[float] = []
    caller = Caller(provider.url, {"Authorization": f"Bearer {KEY}"}, 10, waits.append)

    with pytest.raises(ModelError, match="answers 503, 5 times over"):
        caller.post("/embeddings", {"model": "m", "input": ["a"]})

    assert len(provider.asked) == 5
    assert len(waits) == 4


def test_a_wrong_key_is_told_at_once_and_not_shown(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-wrong")
    embedder = catalog.load(folder_for(provider, tmp_path), Plan(), remote=True)

    with pytest.raises(ModelError, match="answers 401") as caught:
        embedder.embed(["a dog"])

    assert "sk-wrong" not in f"{caught.value}{caught.value.fix}"
    assert len(provider.asked) == 1


def test_without_a_key_nobody_is_asked(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY")
    embedder = catalog.load(folder_for(provider, tmp_path), Plan(), remote=True)

    with pytest.raises(ModelError, match="SOME_KEY holds no key"):
        embedder.embed(["a dog"])

    assert provider.asked == []


def test_vectors_of_another_dimension_are_refused(provider: Provider, tmp_path: Path) -> None:
    provider.dimension = DIMENSION + 1
    embedder = catalog.load(folder_for(provider, tmp_path), Plan(), remote=True)

    with pytest.raises(ModelError, match=r"shape \(1, 13\)"):
        embedder.embed(["a dog"])


def test_a_redirect_is_not_followed_with_the_key(provider: Provider, tmp_path: Path) -> None:
    provider.first = [(307, {"Location": "/elsewhere"})]
    embedder = catalog.load(folder_for(provider, tmp_path), Plan(), remote=True)

    with pytest.raises(ModelError, match="answers 307"):
        embedder.embed(["a dog"])

    assert [path for path, _ in provider.asked] == ["/embeddings"]


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({"base_url": "http://example.org/v1"}, "not https"),
        ({"base_url": "https://user:secret@example.org/v1"}, "environment variable"),
        ({"key": "sk-1"}, "means nothing"),
        ({"provider": "nobody"}, "nobody"),
        ({"modalities": ["text", "image"]}, "not text, image"),
        ({"dimension": 0}, "too small"),
    ],
    ids=["in-the-clear", "key-in-url", "key-in-file", "unknown-provider", "no-pictures", "no-dimension"],
)
def test_what_cannot_be_done_is_refused_when_it_is_read(
    provider: Provider, tmp_path: Path, told: dict[str, Any], cause: str
) -> None:
    folder = folder_for(provider, tmp_path, **told)

    with pytest.raises(ModelError, match=cause):
        catalog.card_of(folder)


def test_another_model_is_another_space(provider: Provider, tmp_path: Path) -> None:
    one = catalog.card_of(folder_for(provider, tmp_path)).space.fingerprint
    other = catalog.card_of(folder_for(provider, tmp_path, model="large-1")).space.fingerprint

    assert one != other
