"""``commonspace index``: what it says, what it writes, and how it exits."""

import json
from pathlib import Path

import pytest

from commonspace.apps.progress import Progress
from commonspace.core.errors import StoreBusy
from commonspace.shell.cli.progress import PlainLines
from tests.unit.shell.conftest import Run
from tests.unit.shell.fake_house import FakeHouse, failure, report


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "media.cs"
    path.mkdir()
    return path


def test_a_clean_run_exits_0_and_counts_by_modality(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = report(added=3, unchanged=2)

    result = run("index", "pictures", "--store", store)

    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["image", "5", "+3"] in rows
    assert ["text", "1"] in rows
    assert ["audio", "0"] in rows
    assert "3 added, 2 unchanged in 1.5 s" in result.stdout
    assert house.opened == [(store, True)]
    assert house.collection.asked == [["pictures"]]
    assert house.collection.closed


def test_some_failures_exit_3_and_go_to_the_store(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = report(added=1, failures=(failure(), failure("b.png")))

    result = run("index", "pictures", "--store", store)

    assert result.exit_code == 3
    lines = [json.loads(line) for line in (store / "failures.jsonl").read_text().splitlines()]
    assert [line["uri"] for line in lines] == ["file:///media/broken.png", "file:///media/b.png"]
    assert lines[0]["code"] == "corrupt"
    assert (lines[0]["cause"], lines[0]["fix"]) == ("Its PNG data ends early.", "Copy it again.")
    assert "failed: broken.png: Its PNG data ends early." in result.stderr
    assert str(store / "failures.jsonl") in result.stderr


def test_a_table_of_fields_is_handed_on(run: Run, house: FakeHouse, store: Path) -> None:
    result = run("index", "pictures", "--store", store, "--metadata", "fields.csv")

    assert result.exit_code == 0
    assert house.collection.described == Path("fields.csv")


def test_failures_go_to_the_file_that_was_named(run: Run, house: FakeHouse, store: Path, tmp_path: Path) -> None:
    house.collection.outcome = report(failures=(failure(),))
    named = tmp_path / "bad.jsonl"

    run("index", "pictures", "--store", store, "--failures", named)

    assert json.loads(named.read_text())["code"] == "corrupt"
    assert not (store / "failures.jsonl").exists()


def test_failures_of_an_earlier_run_do_not_linger(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = report(failures=(failure(),))
    run("index", "pictures", "--store", store)
    house.collection.outcome = report(unchanged=1)
    run("index", "pictures", "--store", store)

    assert (store / "failures.jsonl").read_text() == ""


def test_a_failures_file_that_cannot_be_written_is_an_error(run: Run, store: Path) -> None:
    result = run("index", "pictures", "--store", store, "--failures", "no/such/folder.jsonl")

    assert result.exit_code == 1
    assert "The index itself is complete." in result.stderr


def test_many_failures_are_summed_up(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = report(failures=tuple(failure(f"{place}.png") for place in range(9)))

    stderr = run("index", "pictures", "--store", store).stderr

    assert stderr.count("failed:") == 5
    assert "and 4 more" in stderr


def test_json_is_one_document(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = report(added=1, failures=(failure(),))

    result = run("index", "pictures", "--store", store, "--json")

    assert (result.exit_code, result.stderr) == (3, "")
    document = json.loads(result.stdout)
    assert document["store"] == str(store)
    assert document["space"]["name"] == "fake"
    assert (document["added"], document["failed"], document["seconds"]) == (1, 1, 1.5)
    assert document["items"] == {"image": 3, "text": 1}
    assert document["failures"][0]["code"] == "corrupt"
    assert document["failures_file"] == str(store / "failures.jsonl")


def test_an_interrupt_says_what_is_kept_and_how_to_resume(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = KeyboardInterrupt()

    result = run("index", "pictures", "--store", store)

    assert result.exit_code == 130
    first, second, third = result.stderr.splitlines()
    assert first == "Interrupted."
    assert second.startswith("3 of 8 files are done; 3 items are kept in")
    assert third.startswith("Run the same command again to resume")
    assert house.collection.closed


def test_an_interrupt_is_a_document_with_json(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = KeyboardInterrupt()

    result = run("index", "pictures", "--store", store, "--json")

    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (130, "interrupted")


def test_a_busy_store_exits_1(run: Run, house: FakeHouse, store: Path) -> None:
    house.collection.outcome = StoreBusy("Another process is writing to media.cs.", fix="Wait for it.")

    result = run("index", "pictures", "--store", store)

    assert (result.exit_code, "error: Another process" in result.stderr) == (1, True)


def test_flags_reach_the_settings(run: Run, house: FakeHouse, store: Path) -> None:
    run("index", "x", "--store", store, "-j", "2", "--model", "other", "--set", "limits.item_seconds=20")

    (settings,) = house.settings
    assert (settings.workers, settings.model, settings.limits.item_seconds) == (2, "other", 20.0)


def test_a_set_without_a_value_is_an_error(run: Run, store: Path) -> None:
    assert "is not NAME=VALUE" in run("index", "x", "--store", store, "--set", "workers").stderr


def test_nothing_to_index_is_a_usage_error(run: Run) -> None:
    assert run("index").exit_code == 2


def test_plain_progress_speaks_every_few_seconds_only() -> None:
    said: list[str] = []
    times = iter([0.0, 1.0, 4.9, 5.1, 6.0, 10.2])
    lines = PlainLines(said.append, lambda: next(times))

    for done in (10, 20, 30, 40, 50):
        lines(Progress(done=done, total=100, failed=done // 30, unchanged=0, current="x", seconds=10.0))

    assert said == [
        "30 of 100 files, 3.0 files/s, 23 s left, 1 failed",
        "50 of 100 files, 5.0 files/s, 10 s left, 1 failed",
    ]


def test_the_report_says_in_how_many_items_speech_was_transcribed(run: Run, house: FakeHouse, tmp_path: Path) -> None:
    house.collection.outcome = report(added=3, transcribed=2)

    assert "speech transcribed in 2 items" in run("index", "x", "--store", tmp_path).stdout
    assert json.loads(run("index", "x", "--store", tmp_path, "--json").stdout)["transcribed"] == 2


def test_words_are_read_where_that_is_asked_for_and_the_report_says_in_how_many_items(
    run: Run, house: FakeHouse, tmp_path: Path
) -> None:
    house.collection.outcome = report(added=3, read=1)

    assert "words read in 1 item\n" in run("index", "x", "--ocr", "--store", tmp_path).stdout
    assert json.loads(run("index", "x", "--store", tmp_path, "--json").stdout)["read"] == 1
    assert [settings.ocr for settings in house.settings] == [True, False]
