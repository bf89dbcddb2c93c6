"""The guard turns most away at once while they would be refused inside, and says so to whoever keeps count."""

import json
from pathlib import Path

from commonspace.serve.groups import Server
from commonspace.shell.api.guard import LONG_BYTES
from tests.unit.shell.api.doorway import Doorway

WIDE = Server(host="192.168.1.5", body_bytes=4 * LONG_BYTES)


def test_who_is_turned_away_is_counted_and_a_long_body_is_not_read_for_it(tmp_path: Path) -> None:
    heard: list[str] = []
    long = json.dumps({"input": "busy", "more": "x" * LONG_BYTES})
    with Doorway(tmp_path, server=WIDE) as wide:
        wide.guard.turned_away = lambda: heard.append("turned away")
        headers = {**wide.key(), "content-type": "application/json"}
        answers = [wide.ask("POST", "/v1/embeddings", content=long, headers=headers) for _ in range(12)]
        lines = wide.lines()

    assert {(each.status_code, each.json()["error"]["code"]) for each in answers} == {(429, "overloaded")}
    assert 0 < len(heard) < 12
    assert len(heard) + len(wide.reached) == 12
    assert [line["bytes_in"] for line in lines].count(0) == len(heard)
