"""Recordings and tables over HTTP: refused by a space without towers for them, embedded by the one that has them."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

import commonspace
from commonspace.core.item import Table, Trace
from tests.e2e.serving import PATIENT, Served, serving

SAMPLES = np.sin(np.arange(400) / 7)[:, None].astype(np.float32)
RECORDING = {
    "rate_hz": 50.0,
    "channels": [{"name": "ax", "unit": "m/s^2"}],
    "samples": [[float(value)] for value in SAMPLES[:, 0]],
}
PARTS: list[dict[str, Any]] = [
    {"type": "sensor", "sensor": RECORDING},
    {"type": "table", "table": "city,rain\nBergen,2250\nOslo,\nLima,6\n"},
]
VALUES: list[object] = [
    Trace(array=SAMPLES, rate_hz=50.0, channels=("ax",), units=("m/s^2",)),
    Table(columns=("city", "rain"), types=("text", "number"), rows=(("Bergen", 2250.0), ("Oslo", None), ("Lima", 6.0))),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    patient = ("objectives.sensor=120000", "objectives.table=120000")
    with serving(tmp_path_factory.mktemp("full"), "model=nano-full", *PATIENT, *patient) as running:
        yield running


def ask(service: Served, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/embeddings", json={"model": "nano-full", **body}, timeout=120)


@pytest.mark.parametrize("place", [0, 1], ids=["sensor", "table"])
def test_a_typed_part_has_the_vector_that_python_gives(service: Served, place: int) -> None:
    answer = ask(service, {"input": [PARTS[place]]})

    assert answer.status_code == 200, answer.text
    vector = np.array(answer.json()["data"][0]["embedding"], dtype=np.float32)
    expected = commonspace.load("nano-full").embed([VALUES[place]])[0]
    assert float(vector @ expected) > 0.9999


def test_a_recording_without_a_unit_is_refused_with_what_to_do(service: Served) -> None:
    nameless = {**RECORDING, "channels": [{"name": "ax", "unit": " "}]}

    answer = ask(service, {"input": [{"type": "sensor", "sensor": nameless}]})

    assert "no unit" in answer.text


def test_the_space_says_that_it_takes_them(service: Served) -> None:
    (model,) = httpx.get(f"{service.url}/v1/models").json()["data"]

    assert model["id"] == "nano-full"
    assert {"sensor", "table"} <= set(model["modalities"])
