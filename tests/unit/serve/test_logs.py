"""Log lines are JSON objects in which no key, query, path or content is left."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from commonspace.serve.logs import JsonLines, configure_logs, redacted
from commonspace.serve.secret import Secret


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    loggers = [logging.getLogger(name) for name in ("commonspace", "uvicorn")]
    before = [(each, each.handlers, each.propagate, each.level) for each in loggers]
    stream = io.StringIO()
    configure_logs(stream)
    yield stream
    for each, handlers, propagate, level in before:
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)


def test_a_line_is_one_object_with_the_fields_it_was_given(stream: io.StringIO) -> None:
    logging.getLogger("commonspace.requests").info("request", extra={"fields": {"status": 200, "tenant": "acme"}})

    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "commonspace.requests",
        "event": "request",
        "status": 200,
        "tenant": "acme",
    }


def test_uvicorn_writes_the_same_lines_once(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["Started server process [7]"]


def test_an_exception_tells_its_type_and_places_but_not_its_message(stream: io.StringIO) -> None:
    try:
        int("the text that somebody sent")
    except ValueError:
        logging.getLogger("commonspace").exception("request failed")

    line = json.loads(stream.getvalue())
    assert (line["exception"], line["places"][-1].partition(":")[0]) == ("ValueError", "serve/test_logs.py")
    assert "somebody" not in stream.getvalue()


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(Secret.new().text, id="one of ours"),
        "Bearer abcdefgh12345678",
        "authorization: Bearer abcdefgh12345678",
        "x-api-key: abcdefgh12345678",
        "api_key=abcdefgh12345678",
        "sk-abcdefgh1234567890",
        "hf_abcdefgh1234567890",
    ],
)
def test_nothing_that_looks_like_a_key_is_left(secret: str) -> None:
    left = redacted(f"failed with {secret}, sadly")

    assert secret.rsplit("_", maxsplit=1)[-1] not in left
    assert "abcdefgh" not in left
    assert (left.startswith("failed with "), left.endswith(", sadly")) == (True, True)


def test_a_key_of_ours_keeps_its_public_id() -> None:
    secret = Secret.new()

    assert redacted(f"<{secret.text}>") == f"<cs_{secret.key_id}_[key]>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /v1/stores/media?q=secret&k=3 200", "GET /v1/stores/media?[query] 200"),
        ("cannot open '/srv/media/cat.png'", "cannot open '[path]'"),
        ("(/data/stores/a.cs/writer.lock)", "([path])"),
        ("half/full, a/b/c and /v1/embeddings stay", "half/full, a/b/c and /v1/embeddings stay"),
        ("https://example.org/a/b stays", "https://example.org/a/b stays"),
    ],
)
def test_queries_and_paths_of_this_machine_are_left_out(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_fields_are_redacted_too_and_strange_values_shown_by_type() -> None:
    record = logging.LogRecord("commonspace", logging.INFO, "x.py", 1, "x", None, None)
    record.fields = {"a": Secret.new().text, "b": Secret.new(), "c": None, "d": 1.5}

    line = json.loads(JsonLines().format(record))

    assert line["a"].endswith("_[key]")
    assert (line["b"], line["c"], line["d"]) == ("Secret", None, 1.5)
