"""What the benchmark of the service makes of its turns, and how it speaks to rivals."""

import io
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from benchmarks import plain_serving, serving
from benchmarks.servers import INFINITY_ONNX, INFINITY_TORCH, OURS, PLAIN, Rival, vectors_of
from benchmarks.serving import ALONE, ASKED, CROWD, Found, cells, complaints, said
from benchmarks.turns import Spent, Turn, Work, missed, overheads_ms, ratios, standing, turn_of
from commonspace.core.modality import Modality
from commonspace.serve.load.figures import summary
from commonspace.serve.load.firing import Fired, Outcome
from commonspace.serve.load.traffic import Shot
from commonspace.shell.load.connection import Answer

PICTURES = Work(modality=Modality.IMAGE, callers=1)
SPENT = Spent(server=3.0, loader=0.5, busy=4.0, machine=8.0)


def turn(server: str, number: int, rate: float, p99: float = 8.0, *, work: Work = CROWD, failed: int = 0) -> Turn:
    return Turn(
        server=server,
        work=work,
        round=number,
        num_answered=10,
        num_failed=failed,
        codes={"ok": 10, "status 429": failed} if failed else {"ok": 10},
        per_second=rate,
        p50_ms=p99 / 4,
        p95_ms=p99 / 2,
        p99_ms=p99,
        processor_ms=1.0,
        loader_ms=0.25,
        taken=0.02,
        resident_bytes=2**20 * (number + 1),
    )


def turns(server: str, rates: Sequence[float], p99: float = 8.0, *, work: Work = CROWD) -> list[Turn]:
    return [turn(server, number, rate, p99, work=work) for number, rate in enumerate(rates)]


KEPT = [
    *turns(OURS, (400.0, 500.0, 600.0), 4.0),
    *turns(INFINITY_TORCH, (200.0, 200.0, 200.0)),
    *turns(INFINITY_ONNX, (100.0, 250.0, 300.0)),
    *turns(OURS, (90.0, 91.0, 92.0), 8.0, work=ALONE),
]
BARE = ((1.0, 1.5, 9.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))


def fired(number: int, seconds: float, code: str = "ok") -> Fired:
    return Fired(
        number=number,
        modality=Modality.TEXT,
        urgency="",
        num_items=1,
        meant=0.0,
        fired=0.0,
        answered=seconds,
        outcome=Outcome(code=code),
    )


def test_a_turn_tells_rate_times_and_what_a_request_cost_and_counts_refusals_as_failures() -> None:
    shots = [fired(0, 0.5), fired(1, 1.0), fired(2, 2.0), fired(3, 0.1, "status 429")]

    found = turn_of((OURS, CROWD), 1, summary(shots), SPENT, 7)

    assert (found.num_answered, found.num_failed, found.codes) == (3, 1, {"ok": 3, "status 429": 1})
    assert (found.per_second, found.p50_ms, found.p99_ms) == (1.5, 1000.0, 2000.0)
    assert (found.processor_ms, found.loader_ms) == (750.0, 125.0)
    assert found.taken == pytest.approx(0.5 / 8)


def test_a_server_that_answers_nothing_ends_the_run() -> None:
    with pytest.raises(SystemExit, match=r"Infinity, torch answered nothing .*429"):
        turn_of((INFINITY_TORCH, CROWD), 0, summary([fired(0, 0.1, "status 429")]), SPENT, 7)


def test_a_standing_is_of_medians_and_counts_requests_of_all_rounds() -> None:
    found = standing([*KEPT, turn(OURS, 3, 1.0, 400.0, failed=2)], OURS, CROWD)

    assert (found.num_turns, found.num_answered, found.num_failed) == (4, 40, 2)
    assert (found.per_second, found.p99_ms) == (450.0, 4.0)
    assert found.codes == {"ok": 40, "status 429": 2}


def test_servers_are_compared_within_a_round_whatever_order_they_took_turns_in() -> None:
    assert ratios(KEPT[::-1], CROWD, OURS, INFINITY_ONNX, "per_second") == [4.0, 2.0, 2.0]
    assert ratios(KEPT, CROWD, OURS, INFINITY_ONNX, "p99_ms") == [0.5, 0.5, 0.5]


def test_ours_keeps_twice_the_rate_at_half_the_p99_and_is_told_where_it_does_not() -> None:
    slow = [*turns(OURS, (398.0, 398.0, 398.0), 5.0), *KEPT[3:]]

    assert missed(KEPT, OURS, ASKED) == []
    assert len(missed(slow, OURS, ASKED)) == 4
    assert "1.99x the rate of Infinity, torch, asked 2x" in missed(slow, OURS, ASKED)[0]


def test_overhead_is_the_difference_of_medians_in_the_same_round() -> None:
    assert overheads_ms(KEPT, OURS, ALONE, BARE) == [0.5, 1.5, 1.0]


def test_a_run_complains_of_unanswered_requests_and_of_too_much_over_the_bare_model() -> None:
    assert complaints(Found(turns=tuple(KEPT), bare_ms=BARE)) == []

    slow = turns(OURS, (9.0, 9.0, 9.0), 20.0, work=ALONE)
    refused = turn(PLAIN, 1, 5.0, failed=3)
    told = complaints(Found(turns=(*KEPT[:-3], *slow, refused), bare_ms=BARE))

    assert told[0].startswith("text, 1 at a time: 4.00 ms over the bare model")
    assert told[1:] == [f"{PLAIN}, text, 64 at a time, round 2: 3 requests not answered"]


def test_the_table_has_a_line_for_every_load_and_server_texts_first_ours_on_top() -> None:
    pictures = [*turns(PLAIN, (1.0, 1.0, 1.0), work=PICTURES), *turns(OURS, (9.0, 9.0, 9.0), work=PICTURES)]
    found = Found(turns=(*pictures, *KEPT), bare_ms=BARE)

    lines = cells(found)

    assert [line[:2] for line in lines] == [
        [str(ALONE), OURS],
        [str(CROWD), OURS],
        [str(CROWD), INFINITY_TORCH],
        [str(CROWD), INFINITY_ONNX],
        [str(PICTURES), OURS],
        [str(PICTURES), PLAIN],
    ]
    assert {len(line) for line in lines} == {len(serving.HEADER)}
    assert lines[2][-2:] == ["2.50x (2.00-3.00)", "0.50x (0.50-0.50)"]
    told = said(found, num_rounds=3, seconds=4.0, now=datetime(2026, 1, 2, tzinfo=UTC))
    assert "1.00 ms by `commonspace.load().embed`" in told
    assert "1.00 ms more through the service (0.50 to 1.50 by round" in told


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(status=200, headers={}, body=b'{"data":[{"embedding":"AAAA","index":0}]}'), "ok"),
        (Answer(status=200, headers={}, body=b"<html>"), "odd"),
        (Answer(status=429, headers={}, body=b"{}"), "status 429"),
    ],
)
def test_of_a_rival_only_vectors_count_as_an_answer(answer: Answer, code: str) -> None:
    shot = Shot(number=0, modality=Modality.TEXT, items=("a dog",))

    assert Rival(model="served").outcome(shot, answer).code == code


class Shades:
    """A model whose vector for a text is its length, and for a picture its size."""

    def encode(self, inputs: Sequence[Any], **_: object) -> np.ndarray[Any, np.dtype[np.float32]]:
        sizes = [(len(each), 0) if isinstance(each, str) else each.size for each in inputs]
        return np.array(sizes, dtype=np.float32)


def test_the_plain_service_understands_what_rivals_are_sent_and_answers_in_the_same_form() -> None:
    client = TestClient(plain_serving.build(Shades()))
    file = io.BytesIO()
    Image.new("RGB", (5, 3)).save(file, "JPEG")

    for modality, items, vectors in (
        (Modality.TEXT, ("a dog", "no"), [[5, 0], [2, 0]]),
        (Modality.IMAGE, (file.getvalue(),), [[5, 3]]),
    ):
        request = Rival(model="served").request(Shot(number=0, modality=modality, items=items))
        found = client.post(request.path, content=request.body, headers={"content-type": "application/json"})
        answer = Answer(status=found.status_code, headers={}, body=found.content)
        assert vectors_of(answer).tolist() == vectors
    plain = client.post("/v1/embeddings", json={"input": "a dog"}).json()
    assert plain["data"][0]["embedding"] == [5, 0]


def test_vectors_stand_in_the_order_of_the_items() -> None:
    rows = [{"index": place, "embedding": b64encode(np.float32(place).tobytes()).decode()} for place in (1, 0)]
    body = orjson.dumps({"data": rows})

    assert vectors_of(Answer(status=200, headers={}, body=body)).tolist() == [[0.0], [1.0]]
