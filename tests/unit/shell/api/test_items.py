"""A store's items over HTTP: handed in, indexed from a folder, listed, removed, and refused with a reason."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from commonspace.core.errors import Overloaded
from commonspace.ingest.pool import WorkerPool
from tests.unit.serve.world import picture, world
from tests.unit.shell.api.stores_world import Service, refused, statuses, texts, upload


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


def test_uploads_are_known_by_their_name_or_by_their_content(service: Service, tmp_path: Path) -> None:
    one, two = picture(tmp_path / "one.png", 1), picture(tmp_path / "two.png", 2)

    first = service.good("POST", "/stores/a/items", **upload(one, two, items=[{"id": "x", "metadata": {"year": 2024}}]))
    again = service.good("POST", "/stores/a/items", **upload(one, two, items=[{"id": "x", "metadata": {"year": 2024}}]))
    changed = service.good("POST", "/stores/a/items", **upload(two, items=[{"id": "x"}]))

    assert [statuses(each) for each in (first, again, changed)] == [["added"] * 2, ["unchanged"] * 2, ["updated"]]
    item = service.good("GET", "/stores/a/items/x")
    assert (item["key"], item["uri"], item["name"], "year" in item["metadata"]) == ("x", "upload:x", "two.png", False)
    assert service.good("GET", f"/stores/a/items/{item['id']}") == item
    assert service.good("GET", "/stores/a")["num_items"] == 2


def test_a_bad_item_is_its_own_failure_and_a_refusal_keeps_nothing(service: Service, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n broken")

    answer = service.good("POST", "/stores/a/items", **upload(bad, picture(tmp_path / "one.png", 1)))
    service.here.engine.refusal = Overloaded("Full.", fix="Later.", retry_after_seconds=2.0)
    refusal = service.ask("POST", "/stores/a/items", json=texts("a heron"))

    assert (statuses(answer), answer["items"][0]["error"]["code"]) == (["failed", "added"], "corrupt")
    refused(refusal, 429, "overloaded")
    assert refusal.headers["retry-after"] == "2"
    assert service.good("GET", "/stores/a")["num_items"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": [{"text": "x"}], "folder": "."},
        {"items": [{"text": "x", "data": "eA=="}]},
        {"items": [{"text": "x", "id": "../x"}]},
        {"items": [{"text": "x", "metadata": {"a": [1]}}]},
        {"items": [{"text": "x", "id": "k"}, {"text": "y", "id": "k"}]},
        {"items": [{"text": " "}]},
        {"item": "x"},
        [],
        "x",
    ],
)
def test_items_that_make_no_sense_are_refused_and_nothing_is_kept(body: Any, service: Service) -> None:
    assert service.ask("POST", "/stores/a/items", json=body).status_code == 400
    assert service.good("GET", "/stores/a")["num_items"] == 0


def test_a_body_of_another_kind_or_with_too_many_items_is_refused(service: Service) -> None:
    refused(service.ask("POST", "/stores/a/items", content=b"x", headers={"content-type": "text/plain"}), 400, "usage")
    refused(
        service.ask("POST", "/stores/a/items", content=b"{", headers={"content-type": "application/json"}), 400, "usage"
    )
    refused(service.ask("POST", "/stores/a/items", json=texts(*map(str, range(2049)))), 413, "request_too_large")


def test_many_items_are_a_job_and_an_idempotency_key_makes_it_one(service: Service) -> None:
    many = texts(*(f"note {place}" for place in range(40)))

    first, again = (
        service.ask("POST", "/stores/a/items", json=many, headers={"Idempotency-Key": "once"}) for _ in range(2)
    )

    assert (first.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert first.headers["location"] == f"/v1/jobs/{first.json()['id']}"
    job = service.ended(first.json()["id"])
    assert (job["state"], job["done"], job["result"]["added"]) == ("done", 40, 40)
    assert [each["id"] for each in service.good("GET", "/jobs")["data"]] == [job["id"]]
    refused(service.ask("POST", f"/jobs/{job['id']}/cancel"), 409, "conflict")


def test_waiting_is_chosen_by_the_client(service: Service) -> None:
    few, many = texts("a heron"), texts(*(f"note {place}" for place in range(20)))

    assert service.ask("POST", "/stores/a/items?wait=false", json=few).status_code == 202
    assert service.ask("POST", "/stores/a/items?wait=true", json=many).status_code == 200


def test_a_folder_is_a_job_whose_items_show_no_place_outside_it(service: Service, tmp_path: Path) -> None:
    (service.here.media / "sub").mkdir()
    picture(service.here.media / "sub" / "one.png", 1)

    job = service.ended(service.good("POST", "/stores/a/items", json={"folder": "sub"})["id"])

    assert (job["kind"], job["state"], job["result"]["added"]) == ("folder", "done", 1)
    shown = [
        service.good("GET", "/stores/a/items"),
        service.good("POST", "/stores/a/search", json={"query": "x"}),
        service.good("GET", "/stores/a"),
        job,
    ]
    assert shown[0]["data"][0]["uri"] == shown[1]["hits"][0]["uri"] == "file:sub/one.png"
    assert str(tmp_path) not in json.dumps(shown)


@pytest.mark.parametrize("folder", ["..", "/etc", "../state", "out", "sub/../../state/stores"])
def test_a_hostile_folder_is_refused(folder: str, service: Service, tmp_path: Path) -> None:
    (service.here.media / "out").symlink_to(tmp_path)

    message = refused(service.ask("POST", "/stores/a/items", json={"folder": folder}), 403, "forbidden")
    assert str(tmp_path) not in message
    assert service.good("GET", "/jobs")["data"] == []


def test_items_are_paged_and_filtered(service: Service, tmp_path: Path) -> None:
    service.good("POST", "/stores/a/items", json=texts(*"abcde"))
    service.good("POST", "/stores/a/items", **upload(picture(tmp_path / "one.png", 1)))
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = service.good("GET", f"/stores/a/items{query}")
        assert len(page["data"]) <= 2
        seen += [item["uri"] for item in page["data"]]
        cursor = page["next_cursor"]

    assert len(seen) == len(set(seen)) == 6
    assert len(service.good("GET", "/stores/a/items?modality=image")["data"]) == 1
    refused(service.ask("GET", "/stores/a/items?cursor=%25%25"), 400, "usage")


def test_a_removed_item_is_found_no_more(service: Service) -> None:
    service.good("POST", "/stores/a/items", json=texts("a heron"))

    assert service.good("DELETE", "/stores/a/items/t0")["removed"] == 1
    refused(service.ask("GET", "/stores/a/items/t0"), 404, "not_found")
    refused(service.ask("DELETE", "/stores/a/items/t0"), 404, "not_found")
    assert service.good("POST", "/stores/a/search", json={"query": "a heron"})["hits"] == []
