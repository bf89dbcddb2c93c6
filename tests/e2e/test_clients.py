"""Clients that people already have, unmodified, against the real service: what they get is what Python gets.

They are OpenAI's for Python and JavaScript, Cohere's, and LangChain's; mteb's are in ``test_mteb_client.py``.
"""

import asyncio
import base64
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cohere
import httpx
import numpy as np
import openai
import pytest
import tiktoken
from langchain_openai import OpenAIEmbeddings
from tiktoken import registry

import commonspace
from commonspace.core.vectors import unit
from commonspace.serve.access import Wish
from commonspace.serve.groups import Rates
from commonspace.serve.keys import Keyring
from tests.e2e.client_contents import (
    JAVASCRIPT,
    LABELLED,
    PICTURES,
    SAID,
    SOUNDS,
    agree,
    data_uri,
    node,
    png,
    vectors,
)
from tests.e2e.serving import PATIENT, Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("clients"), *PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def space() -> commonspace.Embedder:
    return commonspace.load()


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="none-needed", base_url=f"{served.url}/v1", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def cohere_client(served: Served) -> Iterator[cohere.ClientV2]:
    with cohere.ClientV2(api_key="none-needed", base_url=served.url) as made:
        yield made


class TestOpenAI:
    def test_the_default_base64_is_the_same_as_float_and_as_in_python(
        self, client: openai.OpenAI, space: commonspace.Embedder
    ) -> None:
        usual = client.embeddings.create(model="nano", input=SAID)
        as_float = client.embeddings.create(model="nano", input=SAID, encoding_format="float")
        agree(vectors(usual), space.embed(SAID))
        np.testing.assert_allclose(vectors(usual), vectors(as_float), atol=1e-6)
        assert usual.model == "nano"
        assert usual.usage.prompt_tokens > len(SAID)

    def test_one_string_is_one_vector(self, client: openai.OpenAI, space: commonspace.Embedder) -> None:
        agree(vectors(client.embeddings.create(model="nano", input=SAID[0])), space.embed(SAID[:1]))

    def test_the_async_client_gets_the_same_for_many_requests_at_once(
        self, served: Served, space: commonspace.Embedder
    ) -> None:
        async def ask() -> list[Any]:
            async with openai.AsyncOpenAI(api_key="none", base_url=f"{served.url}/v1", max_retries=0) as client:
                create = client.embeddings.create
                return await asyncio.gather(*(create(model="nano", input=text) for text in SAID * 4))

        agree([vectors(answer)[0] for answer in asyncio.run(ask())], space.embed(SAID * 4))

    @pytest.mark.parametrize("size", [64, 128, 256])
    def test_a_trained_dimension_is_cut_and_of_length_one(
        self, client: openai.OpenAI, space: commonspace.Embedder, size: int
    ) -> None:
        answer = client.embeddings.create(model="nano", input=SAID, dimensions=size)
        agree(vectors(answer), unit(space.embed(SAID)[:, :size]))

    def test_an_untrained_dimension_is_a_bad_request_that_names_the_trained_ones(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError, match="64 or 128 or 256"):
            client.embeddings.create(model="nano", input=SAID, dimensions=100)

    @pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
    def test_token_ids_are_a_bad_request_that_names_the_option_to_change(
        self, client: openai.OpenAI, tokens: Any
    ) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model="nano", input=tokens)
        assert "check_embedding_ctx_length" in str(caught.value)

    def test_2048_texts_fit_into_one_request(self, client: openai.OpenAI, space: commonspace.Embedder) -> None:
        texts = [f"the number {number}" for number in range(2048)]
        answer = client.embeddings.create(model="nano", input=texts)
        places = [0, 1, 1000, 2047]
        agree([vectors(answer)[place] for place in places], space.embed([texts[place] for place in places]))

    def test_pictures_and_sounds_go_as_typed_parts(self, client: openai.OpenAI, space: commonspace.Embedder) -> None:
        encoded = base64.b64encode(SOUNDS[1].read_bytes()).decode()
        parts = [
            *({"type": "image_url", "image_url": {"url": data_uri(path)}} for path in PICTURES),
            "a sentence between them",
            {"type": "audio_url", "audio_url": {"url": data_uri(SOUNDS[0])}},
            {"type": "input_audio", "input_audio": {"data": encoded, "format": "ogg"}},
        ]
        answer = client.embeddings.create(model="nano", input=[], extra_body={"input": parts})
        agree(vectors(answer), space.embed([*PICTURES, "a sentence between them", *SOUNDS]))
        told = [each.model_extra and each.model_extra["modality"] for each in answer.data]
        assert told == ["image"] * 3 + ["text"] + ["audio"] * 2

    @pytest.mark.parametrize("form", ["data:image/png;base64,{}", "{}"])
    def test_a_picture_given_as_text_is_refused_and_never_embedded(self, client: openai.OpenAI, form: str) -> None:
        text = form.format(base64.b64encode(png()).decode())
        with pytest.raises(openai.APIStatusError, match="image_url") as caught:
            client.embeddings.create(model="nano", input=["a text", text])
        assert (caught.value.status_code, caught.value.code, caught.value.param) == (422, "wrong_type", "input.1")

    def test_models_are_listed_and_described(self, client: openai.OpenAI) -> None:
        assert [model.id for model in client.models.list()] == ["nano"]
        assert client.models.retrieve("nano").owned_by == "commonspace"


class TestErrorClasses:
    """Each status becomes the class that a user of OpenAI's client catches."""

    def refused(self, client: openai.OpenAI, kind: type[openai.APIStatusError], status: int, **asked: Any) -> None:
        with pytest.raises(kind) as caught:
            client.embeddings.create(**{"model": "nano", "input": "a text", **asked})
        self.told(caught.value, status)

    def told(self, error: openai.APIStatusError, status: int) -> None:
        assert error.status_code == status
        assert error.request_id
        assert isinstance(error.body, Mapping)
        assert set(error.body) >= {"message", "type", "param", "code", "fix", "request_id"}

    def test_400_is_a_bad_request(self, client: openai.OpenAI) -> None:
        self.refused(client, openai.BadRequestError, 400, model="another")

    def test_401_is_an_authentication_error(self, client: openai.OpenAI) -> None:
        unknown = client.with_options(api_key=f"cs_{'a' * 12}_{'b' * 43}")
        self.refused(unknown, openai.AuthenticationError, 401)

    def test_403_is_a_permission_error(self, client: openai.OpenAI) -> None:
        foreign = {"origin": "https://elsewhere.example"}
        self.refused(client, openai.PermissionDeniedError, 403, extra_headers=foreign)

    def test_404_is_not_found(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("another")
        self.told(caught.value, 404)

    def test_409_is_a_conflict(self, client: openai.OpenAI) -> None:
        make = {"path": "/stores", "cast_to": object, "body": {"name": "twice"}}
        client.post(**make)
        with pytest.raises(openai.ConflictError) as caught:
            client.post(**make)
        self.told(caught.value, 409)

    def test_413_keeps_its_status(self, client: openai.OpenAI) -> None:
        self.refused(client, openai.APIStatusError, 413, input=["a text"] * 2049)

    def test_422_is_an_unprocessable_entity(self, client: openai.OpenAI) -> None:
        torn = base64.b64encode(png()[:200]).decode()
        part = {"type": "image_url", "image_url": f"data:image/png;base64,{torn}"}
        self.refused(client, openai.UnprocessableEntityError, 422, extra_body={"input": [part]})

    def test_429_is_a_rate_limit_with_the_time_to_wait(self, served: Served, client: openai.OpenAI) -> None:
        keyring = Keyring.open(served.state)
        slow = keyring.create(Wish(name="slow", rates=Rates(compute_milliseconds=0.001, burst_seconds=1.0)))
        keyring.close()
        limited = client.with_options(api_key=slow.secret.text)
        limited.embeddings.create(model="nano", input="the first overdraws the bucket")
        with pytest.raises(openai.RateLimitError) as caught:
            limited.embeddings.create(model="nano", input="the second waits for it")
        self.told(caught.value, 429)
        assert int(caught.value.response.headers["retry-after"]) > 0

    def test_504_is_a_server_error(self, client: openai.OpenAI) -> None:
        hurry = {"x-commonspace-timeout-ms": "0.001"}
        self.refused(client, openai.InternalServerError, 504, input="a text not seen before", extra_headers=hurry)


def test_openai_for_javascript_gets_the_same(served: Served, space: commonspace.Embedder) -> None:
    assert (JAVASCRIPT / "node_modules" / "openai").is_dir(), f"{JAVASCRIPT} is missing: run make test, or npm ci there"
    script = [node(), str(Path(__file__).with_name("openai_client.mjs")), served.url, str(JAVASCRIPT)]
    ended = subprocess.run(script, input=json.dumps(SAID), capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    got: dict[str, Any] = json.loads(ended.stdout)
    expected = space.embed(SAID)
    agree(got["usual"], expected)
    agree(got["float"], expected)
    agree(got["short"], unit(expected[:, :64]))
    assert (got["untrained"]["name"], got["untrained"]["status"]) == ("BadRequestError", 400)
    assert got["tokens"]["name"] == "BadRequestError"
    assert "check_embedding_ctx_length" in got["tokens"]["message"]
    assert got["models"] == ["nano"]


class TestCohere:
    KINDS: Final[Sequence[Any]] = ("float", "int8", "uint8", "binary", "ubinary", "base64")

    def test_every_type_says_the_same(self, cohere_client: cohere.ClientV2, space: commonspace.Embedder) -> None:
        answer = cohere_client.embed(
            model="nano", texts=SAID, input_type="search_document", embedding_types=self.KINDS
        ).embeddings
        expected = space.embed(SAID)
        agree(answer.float_, expected)
        agree([np.frombuffer(base64.b64decode(row), "<f4") for row in answer.base64 or []], expected)
        bits = np.packbits(expected >= 0, axis=1).astype(int)
        np.testing.assert_array_equal(answer.ubinary, bits)
        np.testing.assert_array_equal(answer.binary, bits - 128)
        np.testing.assert_array_equal(np.array(answer.uint8) - 128, answer.int8)

    def test_int8_ranks_as_float_does(self, cohere_client: cohere.ClientV2) -> None:
        queries = ["an animal", "music", "traffic"]
        documents = [path.stem.replace("_", " ") for path in sorted((LABELLED / "images").glob("*_1.jpg"))]
        embed = cohere_client.embed
        kinds: Sequence[Any] = ("float", "int8")
        asked = embed(model="nano", texts=queries, input_type="search_query", embedding_types=kinds).embeddings
        stored = embed(model="nano", texts=documents, input_type="search_document", embedding_types=kinds).embeddings
        exact = np.array(asked.float_) @ np.array(stored.float_).T
        coarse = np.array(asked.int8) @ np.array(stored.int8).T
        apart = 0.01  # closer scores than that may change places
        for scores, rough in zip(exact, coarse, strict=True):
            above = scores[:, None] > scores[None] + apart
            assert (rough[:, None] > rough[None])[above].all()

    def test_pictures_and_mixed_inputs(self, cohere_client: cohere.ClientV2, space: commonspace.Embedder) -> None:
        embed = cohere_client.embed
        pictures = embed(
            model="nano", images=[data_uri(path) for path in PICTURES], input_type="image", embedding_types=["float"]
        )
        expected = space.embed([*PICTURES, "a bear"])
        agree(pictures.embeddings.float_, expected[:-1])
        inputs: Any = [
            {"content": [{"type": "text", "text": "a bear"}]},
            {
                "content": [
                    {"type": "text", "text": "a bear"},
                    {"type": "image_url", "image_url": {"url": data_uri(PICTURES[0])}},
                ]
            },
        ]
        mixed = embed(model="nano", inputs=inputs, input_type="search_document", embedding_types=["float"])
        agree(mixed.embeddings.float_, np.stack([expected[-1], unit((expected[-1] + expected[0])[None])[0]]))

    def test_a_smaller_dimension_and_its_refusal(
        self, cohere_client: cohere.ClientV2, space: commonspace.Embedder
    ) -> None:
        def embed(size: int) -> Any:
            return cohere_client.embed(
                model="nano", texts=SAID, input_type="clustering", embedding_types=["float"], output_dimension=size
            )

        agree(embed(128).embeddings.float_, unit(space.embed(SAID)[:, :128]))
        with pytest.raises(cohere.BadRequestError):
            embed(100)


class TestLangChain:
    @pytest.fixture
    def options(self, served: Served) -> Iterator[dict[str, Any]]:
        with httpx.Client() as http:
            yield {"model": "nano", "base_url": f"{served.url}/v1", "api_key": "none-needed", "http_client": http}

    def test_texts_sent_as_texts_are_the_same_as_in_python(
        self, options: dict[str, Any], space: commonspace.Embedder
    ) -> None:
        embeddings = OpenAIEmbeddings(**options, check_embedding_ctx_length=False)
        agree(embeddings.embed_documents(SAID), space.embed(SAID))
        agree([embeddings.embed_query(SAID[0])], space.embed(SAID[:1]))

    def test_token_ids_which_are_its_default_fail_with_the_option_to_change(
        self, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        letters = {bytes([number]): number for number in range(256)}
        pattern = r"\S+|\s+"
        offline = tiktoken.Encoding("cl100k_base", pat_str=pattern, mergeable_ranks=letters, special_tokens={})
        monkeypatch.setitem(registry.ENCODINGS, "cl100k_base", offline)
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
            OpenAIEmbeddings(**options).embed_documents(SAID)
