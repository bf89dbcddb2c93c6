"""Stores over HTTP: made, searched as in Python, dropped, and kept apart."""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commonspace.ingest.pool import WorkerPool
from commonspace.shell.api.scopes import AccessTable
from tests.unit.serve.world import picture, world
from tests.unit.shell.api.stores_world import Service, data_uri, refused, texts, upload

OPERATIONS = {
    *("create_store", "list_stores", "get_store", "drop_store", "search_store"),
    *("add_items", "list_items", "get_item", "remove_item", "list_jobs", "get_job", "cancel_job"),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(workers=1) as started:
        yield started


@pytest.fixture
def service(tmp_path: Path, pool: WorkerPool) -> Iterator[Service]:
    with world(tmp_path, lambda: nullcontext(pool)) as here:
        made = Service(here)
        made.good("POST", "/stores", json={"name": "a", "description": "Everything"})
        yield made


def test_a_store_is_made_looked_at_listed_and_dropped(service: Service) -> None:
    service.good("POST", "/stores/a/items", json=texts("a heron"))

    found = service.good("GET", "/stores/a")
    assert (found["description"], found["items"], found["num_items"]) == ("Everything", {"text": 1}, 1)
    assert found["space"]["name"] == "fake"
    assert "path" not in found
    assert [each["name"] for each in service.good("GET", "/stores")["data"]] == ["a"]
    refused(service.ask("POST", "/stores", json={"name": "a"}), 409, "conflict")
    assert service.good("DELETE", "/stores/a") == {"name": "a", "dropped": True}
    refused(service.ask("GET", "/stores/a"), 404, "not_found")


def test_search_over_http_gives_the_hits_of_python(service: Service, tmp_path: Path) -> None:
    pictures = [picture(tmp_path / f"p{seed}.png", seed) for seed in range(5)]
    service.good("POST", "/stores/a/items", **upload(*pictures))
    service.good("POST", "/stores/a/items", json=texts("a dog barks in the rain", "rain on a tin roof", "a heron"))
    asked = [
        ("rain", {"query": "rain", "k": 4}, {"k": 4}),
        ("a heron", {"query": "a heron", "modality": "image"}, {"modality": "image"}),
        (pictures[2], {"query": {"parts": [{"image": data_uri(pictures[2])}]}}, {}),
    ]

    for query, wish, options in asked:
        over_http = service.good("POST", "/stores/a/search", json=wish)["hits"]
        with service.here.stores.use("ann", "a") as collection:
            in_python = [hit.to_dict() for hit in collection.search(query, **options)]  # type: ignore[arg-type]
        assert over_http == in_python
        assert over_http


def test_a_file_finds_itself_and_words_may_go_with_it(service: Service, tmp_path: Path) -> None:
    one, two = picture(tmp_path / "one.png", 1), picture(tmp_path / "two.png", 2)
    service.good("POST", "/stores/a/items", **upload(one, two))

    found = service.good("POST", "/stores/a/search", files={"file": two.read_bytes()}, data={"k": "1"})
    both = service.good("POST", "/stores/a/search", files={"file": two.read_bytes()}, data={"text": "a heron"})

    assert [(hit["name"], hit["rank"]) for hit in found["hits"]] == [("two.png", 1)]
    assert found["query"] == {"modality": "image", "num_parts": 1, "notes": []}
    assert both["query"]["num_parts"] == 2
    assert both["hits"][0]["score"] < found["hits"][0]["score"]


def test_a_composed_query_is_the_weighted_sum_of_its_parts_less_what_is_unwanted(
    service: Service, tmp_path: Path
) -> None:
    one = picture(tmp_path / "one.png", 1)
    service.good("POST", "/stores/a/items", **upload(one, items=[{"id": "one"}]))
    service.good("POST", "/stores/a/items", json=texts("a heron", "a grey heron in the rain"))
    embed = service.here.engine.embedder.embed
    vectors = embed(["a heron", one, "rain"])
    total = vectors[0] + 0.5 * vectors[1]
    total /= np.linalg.norm(total)

    parts = [{"text": "a heron"}, {"image": data_uri(one), "weight": 0.5}, {"text": "rain", "weight": -0.25}]
    wish = {"query": {"parts": parts}, "explain": True}
    hits = service.good("POST", "/stores/a/search", json=wish)["hits"]

    hit = next(hit for hit in hits if hit["name"] == "one.png")
    assert hit["score"] == pytest.approx(vectors[1] @ total, abs=1e-5)
    taken = 0.25 * max(0.0, float(vectors[1] @ vectors[2]))
    assert hit["explanation"]["unwanted"][0]["takes"] == pytest.approx(taken, abs=1e-5)
    assert hit["explanation"]["worth"] == pytest.approx(hit["score"] - taken, abs=1e-5)
    assert [each["part"] for each in hit["explanation"]["parts"]] == ["a heron", "image"]


def test_items_of_the_query_are_left_out_and_pages_follow_one_another(service: Service) -> None:
    service.good("POST", "/stores/a/items", json=texts("a heron", "a grey heron", "rain", "a tin roof"))

    def page(**wish: Any) -> list[str]:
        wish = {"query": {"parts": [{"item": "t0"}]}, **wish}
        return [hit["id"] for hit in service.good("POST", "/stores/a/search", json=wish)["hits"]]

    whole = page()
    assert len(whole) == 3
    assert page(k=1) + page(k=2, offset=1) == whole
    assert page(where='name = "nobody"') == []
    refused(service.ask("POST", "/stores/a/search", json={"query": "x", "where": "price <"}), 400, "usage")
    refused(service.ask("POST", "/stores/a/search", json={"query": "x", "k": 1000, "offset": 9500}), 400, "usage")


def test_a_form_may_say_how_to_answer(service: Service, tmp_path: Path) -> None:
    one, two = picture(tmp_path / "one.png", 1), picture(tmp_path / "two.png", 2)
    service.good("POST", "/stores/a/items", **upload(one, two))
    files = {"file": two.read_bytes()}

    said = {"k": "1", "offset": "1", "explain": "true", "diversity": "0.2", "where": 'modality = "image"'}
    found = service.good("POST", "/stores/a/search", files=files, data=said)

    assert [(hit["name"], hit["rank"]) for hit in found["hits"]] == [("one.png", 2)]
    assert found["hits"][0]["explanation"]["ranked_by"] == "score"


@pytest.mark.parametrize(
    ("query", "status", "code", "word"),
    [
        ({"parts": [{"text": "x", "weight": -1}]}, 400, "usage", "nothing that is wanted"),
        ({"parts": [{"item": "gone"}]}, 404, "not_found", "no item"),
        ({"parts": []}, 400, "invalid_request", "parts"),
        ({"parts": [{"text": "x", "item": "y"}]}, 400, "invalid_request", "exactly one"),
        ({"parts": [{"image": "https://example.org/x.png"}]}, 400, "usage", "address"),
        ({"parts": [{"image": "%%%"}]}, 422, "corrupt", "base64"),
        (7, 400, "invalid_request", "query"),
        ("  ", 400, "usage", "empty"),
        ("data:image/png;base64,iVBORw0KGgo=", 400, "usage", "data URI"),
    ],
)
def test_a_query_that_makes_no_sense_is_told_so(
    query: Any, status: int, code: str, word: str, service: Service
) -> None:
    assert word in refused(service.ask("POST", "/stores/a/search", json={"query": query}), status, code)


def test_media_that_are_not_what_the_part_says_are_refused(service: Service, tmp_path: Path) -> None:
    part = {"audio": data_uri(picture(tmp_path / "one.png", 1))}

    refused(service.ask("POST", "/stores/a/search", json={"query": {"parts": [part]}}), 422, "wrong_type")


def every_path(store: str, item: str, job: str) -> Sequence[tuple[str, str, Any]]:
    return [
        ("GET", f"/stores/{store}", None),
        ("DELETE", f"/stores/{store}", None),
        ("GET", f"/stores/{store}/items", None),
        ("POST", f"/stores/{store}/items", texts("x")),
        ("POST", f"/stores/{store}/items", {"folder": "."}),
        ("GET", f"/stores/{store}/items/{item}", None),
        ("DELETE", f"/stores/{store}/items/{item}", None),
        ("POST", f"/stores/{store}/search", {"query": "x"}),
        ("GET", f"/jobs/{job}", None),
        ("POST", f"/jobs/{job}/cancel", None),
    ]


def test_what_is_another_tenants_is_not_there_whatever_is_asked(service: Service) -> None:
    service.good("POST", "/stores/a/items", json=texts("a heron"))
    job = service.good("POST", "/stores/a/items?wait=false", json=texts("a heron"))["id"]
    service.ended(job)

    theirs = [service.ask(*each[:2], json=each[2], tenant="bob") for each in every_path("a", "t0", job)]
    none = [service.ask(*each[:2], json=each[2], tenant="bob") for each in every_path("b", "t0", "job_x")]

    assert {answer.status_code for answer in theirs} == {404}
    assert [answer.text.replace("'a'", "'b'").replace(job, "job_x") for answer in theirs] == [
        answer.text for answer in none
    ]
    assert service.good("GET", "/stores", tenant="bob") == {"data": []}
    assert service.good("GET", "/jobs", tenant="bob")["data"] == []
    assert service.good("GET", "/stores/a")["num_items"] == 1


def test_dropping_a_store_ends_its_jobs(service: Service) -> None:
    service.here.jobs.close()
    with world(service.here.media.parent, running=False) as here:
        waiting = Service(here)
        job = waiting.good("POST", "/stores/a/items?wait=false", json=texts("a heron"))["id"]
        waiting.good("DELETE", "/stores/a")

        assert waiting.good("GET", f"/jobs/{job}")["state"] == "cancelled"


def test_every_route_says_what_it_asks_for_and_shows_examples(service: Service) -> None:
    AccessTable.of(service.app)
    document = service.app.openapi()
    own = {path: each for path, each in document["paths"].items() if path.startswith(("/v1/stores", "/v1/jobs"))}

    operations = [operation for path in own.values() for operation in path.values()]
    assert {operation["operationId"] for operation in operations} == OPERATIONS
    assert all(operation["summary"] and operation["x-required-scope"] for operation in operations)
    assert "#/$defs" not in json.dumps(own)
    for operation in operations:
        for name, content in operation.get("requestBody", {}).get("content", {}).items():
            assert "example" in content or "examples" in content or "$ref" in content["schema"], name
