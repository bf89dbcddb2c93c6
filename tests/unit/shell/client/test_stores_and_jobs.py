"""Stores and jobs through the clients."""

import base64
from pathlib import Path
from typing import Any

import pytest

from commonspace.core.errors import DeadlineMissed, NotFound, UsageError
from commonspace.core.modality import Modality
from commonspace.index.filter_text import parse_filter
from commonspace.retrieve.query import Query
from commonspace.shell.client import Bounds, Entry, Near
from tests.unit.shell.client.conftest import Asking
from tests.unit.shell.client.fake import FakeService, json

PNG = b"\x89PNG\r\n\x1a\n and so on"
HIT = {
    "rank": 1,
    "id": "4f1c",
    "uri": "upload:photo-17",
    "name": "fjord.jpg",
    "modality": "video",
    "media_type": "video/mp4",
    "score": 0.4,
    "probability": 0.8,
    "good": True,
    "segment": {"modality": "image", "start_seconds": 1.0, "end_seconds": 2.0, "score": 0.4},
    "segments": [{"modality": "image", "start_seconds": 1.0, "end_seconds": 2.0, "score": 0.4}],
    "folded": [
        {
            "why": "near duplicate",
            "id": "5f1c",
            "uri": "upload:photo-18",
            "name": "fjord-2.jpg",
            "modality": "video",
            "score": 0.3,
            "likeness": 0.97,
        }
    ],
    "metadata": {"album": "Norway"},
    "explanation": {
        "parts": [{"part": "a fjord", "modality": "text", "weight": 1.0, "cosine": 0.5, "share": 1.0, "adds": 0.5}],
        "bias": 0.1,
        "score": 0.4,
        "ranked_by": "probability",
        "worth": 0.8,
        "words": {"words": ["fjord"], "missing": [], "bm25": 1.5, "rank": 1, "adds": 2.0},
        "unwanted": [{"part": "rain", "weight": -1.0, "likeness": 0.1, "words": [], "takes": 0.0}],
        "log_odds": 1.386294,
        "probability": 0.8,
        "modality_weight": 1.0,
        "reranked_from": None,
        "reranker_score": None,
    },
}


def job(state: str, done: int) -> dict[str, Any]:
    return {"id": "job_1", "state": state, "done": done, "total": 3, "failed": 0, "result": None, "error": None}


def kept(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "status": "added", "notes": [], "error": None}


def test_stores_are_made_listed_and_dropped(ask: Asking, service: FakeService) -> None:
    told = {"name": "holidays", "description": "2024", "created": 1.0}
    service.answers = {
        "POST /v1/stores": [told],
        "GET /v1/stores": [{"data": [told]}],
        "DELETE /v1/stores/holidays": [{"name": "holidays", "dropped": True}],
    }

    assert ask("stores.create", "holidays", "2024").name == "holidays"
    assert [store.name for store in ask("stores.list")] == ["holidays"]
    ask("stores.drop", "holidays")

    assert service.seen[0].document == {"name": "holidays", "description": "2024"}
    assert [seen.method for seen in service.seen] == ["POST", "GET", "DELETE"]


def test_a_store_that_is_not_there_is_told(ask: Asking) -> None:
    with pytest.raises(NotFound):
        ask("stores.info", "none")


def test_items_are_added_in_packs_and_answered_in_order(ask: Asking, service: FakeService, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    answers = {}

    def added(seen: Any) -> Any:
        return json(
            {"items": [kept(item.get("id") or item["name"] or item["text"]) for item in seen.document["items"]]}
        )

    service.faults = [added, added]
    items = [tmp_path / "a.png", tmp_path / "gone.png", Entry(item="a note", id="n1", metadata={"year": 2024}), "words"]

    answers = ask("stores.add", "s", items, how={"bounds": Bounds(request_items=2)})

    assert [(each.name, each.status) for each in answers] == [
        ("a.png", "added"),
        ("gone.png", "failed"),
        ("n1", "added"),
        ("words", "added"),
    ]
    assert answers[1].error.item_code == "vanished"
    sent = {item.get("id") or item["name"]: item for seen in service.seen for item in seen.document["items"]}
    assert base64.b64decode(sent["a.png"]["data"]) == PNG
    assert sent["n1"] == {"id": "n1", "name": "", "metadata": {"year": 2024}, "text": "a note"}
    assert {seen.query["wait"] for seen in service.seen} == {"true"}


def test_a_search_gives_hits_as_the_library_does(ask: Asking, service: FakeService) -> None:
    service.answers = {"POST /v1/stores/s/search": [{"hits": [HIT]}]}

    (hit,) = ask("stores.search", "s", "a fjord", k=3, modality="video", min_probability=0.5)

    assert hit.to_dict() == HIT
    assert hit.modality is Modality.VIDEO
    assert service.seen[0].document == {"query": "a fjord", "k": 3, "modality": "video", "min_probability": 0.5}


def test_a_search_may_be_composed_of_media_items_and_words(ask: Asking, service: FakeService) -> None:
    service.answers = {"POST /v1/stores/s/search": [{"hits": []}]}

    ask("stores.search", "s", [Near(item=PNG), Near(stored="photo-17", weight=-0.5), "at night"])

    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert service.seen[0].document["query"] == {
        "parts": [
            {"image": url, "weight": 1.0},
            {"item": "photo-17", "weight": -0.5},
            {"text": "at night", "weight": 1.0},
        ]
    }


def test_a_search_says_all_that_the_library_can(ask: Asking, service: FakeService) -> None:
    service.answers = {"POST /v1/stores/s/search": [{"hits": []}]}
    where = parse_filter("price < 50")

    query = Query("sneakers") + 0.5 * Query(PNG) - "blue" + Query.like("photo-17")
    ask("stores.search", "s", query, where=where, weights={Modality.AUDIO: 0.5}, group="parent", fold=0.9, explain=True)

    sent = service.seen[0].document
    assert [(*part.items(),)[0][0] for part in sent["query"]["parts"]] == ["text", "image", "text", "item"]
    assert [part["weight"] for part in sent["query"]["parts"]] == [1.0, 0.5, -1.0, 1.0]
    assert {name: value for name, value in sent.items() if name != "query"} == {
        "where": "price < 50",
        "weights": {"audio": 0.5},
        "group": "parent",
        "fold": 0.9,
        "explain": True,
    }


def test_a_part_that_is_nothing_is_a_mistake(ask: Asking) -> None:
    with pytest.raises(UsageError, match="part"):
        ask("stores.search", "s", [Near()])


def test_a_job_is_waited_for_and_progress_is_told_once_a_change(ask: Asking, service: FakeService) -> None:
    service.answers = {
        "GET /v1/jobs/job_1": [job("queued", 0), job("running", 1), job("running", 1), job("done", 3)],
    }
    told: list[int] = []

    finished = ask("jobs.wait", "job_1", progress=lambda each: told.append(each.done))

    assert finished.is_finished
    assert told == [0, 1, 3]


def test_waiting_for_a_job_ends_with_the_time(ask: Asking, service: FakeService) -> None:
    service.answers = {"GET /v1/jobs/job_1": [job("running", 1)]}

    with pytest.raises(DeadlineMissed, match="running still"):
        ask("jobs.wait", "job_1", timeout=2.0)


def test_a_job_is_cancelled_and_a_folder_becomes_one(ask: Asking, service: FakeService) -> None:
    service.answers = {
        "POST /v1/jobs/job_1/cancel": [job("cancelled", 1)],
        "POST /v1/stores/s/items": [job("queued", 0)],
        "DELETE /v1/stores/s/items/photo%2F17": [{"id": "x", "removed": 2}],
    }

    assert ask("jobs.cancel", "job_1").is_finished
    assert ask("stores.add_folder", "s", "holidays").id == "job_1"
    assert service.seen[-1].document == {"folder": "holidays"}


def test_models_and_capacity_are_told_as_the_service_tells_them(ask: Asking, service: FakeService) -> None:
    service.answers = {"GET /v1/models": [{"data": [{"id": "nano", "dimension": 384}]}], "GET /v1/capacity": [{"a": 1}]}

    (model,) = ask("models")

    assert (model.id, model.fields["dimension"]) == ("nano", 384)
    assert ask("capacity") == {"a": 1}
