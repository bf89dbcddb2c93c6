"""The two measuring commands against a fake service over real HTTP."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from commonspace.shell.load.launch import free_port, running
from tests.unit.shell.client.fake import FakeService, refusal, served
from tests.unit.shell.conftest import Run, house, run  # noqa: F401  fixtures

QUICK = ("--seconds", "0.3", "--warm-up", "0")


@pytest.fixture
def service() -> Iterator[FakeService]:
    with served(FakeService()) as fake:
        yield fake


class Page(HTMLParser):
    """What an HTML page holds: its tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_bench_serve_tells_rates_and_percentiles_by_modality(run: Run, service: FakeService) -> None:  # noqa: F811
    answer = run("bench", "serve", "--url", service.url, "--mix", "text=0.5,image=0.5", "-c", "2", *QUICK, "--json")

    assert answer.exit_code == 0, answer.output
    figures = json.loads(answer.stdout)["runs"]["load"]
    assert {group["name"] for group in figures["groups"]} == {"text", "image"}
    assert figures["everything"]["codes"] == {"ok": figures["everything"]["num_shots"]}
    assert figures["everything"]["stages"]["inference"]["p50"] == pytest.approx(2.0)
    assert figures["everything"]["stages"]["serialisation"]["p50"] == pytest.approx(0.5)
    latency = figures["everything"]["latency"]
    assert latency["p50"]["low"] <= latency["p50"]["value"] <= latency["p99"]["value"]


def test_what_is_sent_is_what_was_asked_for(run: Run, service: FakeService) -> None:  # noqa: F811
    arguments = ("--mix", "audio", "--batch", "3", "--api-key", "k-1", *QUICK)

    assert run("bench", "serve", "--url", service.url, *arguments).exit_code == 0

    assert all(len(seen.document["input"]) == 3 for seen in service.seen)
    assert {part["type"] for seen in service.seen for part in seen.document["input"]} == {"input_audio"}
    assert {seen.headers["authorization"] for seen in service.seen} == {"Bearer k-1"}


def test_an_open_loop_fires_as_often_as_its_times_say(run: Run, service: FakeService) -> None:  # noqa: F811
    answer = run("bench", "serve", "--url", service.url, "--rate", "50", *QUICK, "--seed", "3", "--json")

    again = run("bench", "serve", "--url", service.url, "--rate", "50", *QUICK, "--seed", "3", "--json")
    counts = [json.loads(each.stdout)["runs"]["load"]["everything"]["num_shots"] for each in (answer, again)]
    assert counts[0] == counts[1] > 0


def test_refusals_are_counted_by_their_code(run: Run, service: FakeService) -> None:  # noqa: F811
    service.faults = [lambda _: refusal(429, "overloaded", "No.") for _ in range(5)]

    answer = run("bench", "serve", "--url", service.url, *QUICK, "--json")

    everything = json.loads(answer.stdout)["runs"]["load"]["everything"]
    assert everything["codes"]["overloaded"] == 5
    assert everything["refusal_ms"]["p50"] > 0


def test_a_service_that_answers_nothing_is_an_error(run: Run) -> None:  # noqa: F811
    answer = run("bench", "serve", "--url", f"http://127.0.0.1:{free_port()}", *QUICK)

    assert answer.exit_code == 1
    assert "lost" in answer.stderr


def test_profile_latency_measures_each_modality_apart(run: Run, service: FakeService) -> None:  # noqa: F811
    answer = run("profile", "latency", "--url", service.url, "--modalities", "text,audio", *QUICK)

    assert answer.exit_code == 0, answer.output
    assert "inference" in answer.stdout
    assert "transport" in answer.stdout
    kinds = [isinstance(seen.document["input"][0], str) for seen in service.seen]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {True, False}


def test_the_page_stands_alone_and_speaks_to_everybody(run: Run, service: FakeService, tmp_path: Path) -> None:  # noqa: F811
    report = tmp_path / "report.html"

    answer = run("profile", "latency", "--url", service.url, *QUICK, "--report", report)

    assert answer.exit_code == 0, answer.output
    text = report.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert page.named("html") == [{"lang": "en"}]
    assert not page.named("script")
    assert not any(name in attributes for _, attributes in page.tags for name in ("src", "href", "onload"))
    assert "http://" not in text.replace(service.url, "")
    plots = page.named("svg")
    assert len(plots) == 3 * 3
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    assert len(page.named("caption")) == len(page.named("table")) == 1 + 2 * 3
    assert "nan" not in text.lower()


def test_a_page_that_cannot_be_written_is_told(run: Run, service: FakeService, tmp_path: Path) -> None:  # noqa: F811
    answer = run("bench", "serve", "--url", service.url, *QUICK, "--report", tmp_path / "none" / "x.html")

    assert answer.exit_code == 1
    assert "cannot be written" in answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--mix", "smell"), ("--rate", "0"), ("-c", "0"), ("--seconds", "0"), ("--batch", "0"), ("--url", "nowhere")],
)
def test_a_load_that_makes_no_sense_is_refused(run: Run, arguments: tuple[str, str]) -> None:  # noqa: F811
    answer = run("bench", "serve", "--url", "http://127.0.0.1:9", *arguments)

    assert answer.exit_code == 1
    assert "fix:" in answer.stderr


def test_a_service_of_ones_own_runs_while_it_is_measured_and_ends_then() -> None:
    import os
    import sys

    port = free_port()
    code = f"import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.BaseHTTPRequestHandler).serve_forever()"

    def listens(url: str) -> bool:
        import asyncio

        async def ask() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", maxsplit=1)[-1]))
            except OSError:
                return False
            writer.close()
            return True

        return asyncio.run(ask())

    with running([sys.executable, "-c", code], port, listens) as started:
        os.kill(started.process_id, 0)

    with pytest.raises(ProcessLookupError):
        os.kill(started.process_id, 0)


def test_a_service_that_does_not_start_is_told_in_its_own_words() -> None:
    import sys

    from commonspace.core.errors import Unavailable

    command = [sys.executable, "-c", "raise SystemExit('no weights here')"]
    with pytest.raises(Unavailable, match="no weights here"), running(command, 1, lambda _: False):
        pass
