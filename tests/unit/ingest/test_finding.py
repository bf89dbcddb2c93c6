"""Folders, globs, files and standard input become sources, each once; a bad path is one failure."""

import inspect
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from commonspace.ingest.finding import find_sources
from commonspace.ingest.source import ItemFailure, Source


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def found(*patterns: str | Path) -> list[str]:
    return [
        each.name if isinstance(each, Source) else f"{each.name}: {each.error.item_code}"
        for each in find_sources(patterns)
    ]


def test_a_folder_is_walked_in_sorted_order_without_hidden_entries(tmp_path: Path) -> None:
    tree(tmp_path, "b.txt", "a/z.txt", "a/y.txt", ".hidden", ".git/config", "c/.x", "c/d/e.txt")
    assert found(tmp_path) == ["y.txt", "z.txt", "b.txt", "e.txt"]


def test_a_uri_is_absolute_and_percent_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "å b#.txt")
    monkeypatch.chdir(tmp_path)
    source = next(iter(find_sources(["å b#.txt"])))
    assert source.uri == f"file://{tmp_path}/%C3%A5%20b%23.txt"


def test_globs_are_expanded_unless_a_file_has_that_very_name(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "b.txt", "c.png", "sub/d.txt", "[x].txt")
    assert found(str(tmp_path / "*.txt")) == ["[x].txt", "a.txt", "b.txt"]
    assert found(str(tmp_path / "**" / "d.txt")) == ["d.txt"]
    assert found(tmp_path / "[x].txt") == ["[x].txt"]


def test_what_is_named_twice_is_found_once(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "b.txt")
    assert found(tmp_path / "b.txt", tmp_path, tmp_path / "*.txt") == ["b.txt", "a.txt"]


def test_a_path_or_glob_that_leads_nowhere_is_one_failure(tmp_path: Path) -> None:
    assert found(tmp_path / "none.txt", str(tmp_path / "*.png")) == ["none.txt: vanished", "*.png: vanished"]


def test_standard_input_is_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"A heron.")))
    assert list(find_sources(["-"])) == [Source(uri="stdin:-", name="stdin", origin=b"A heron.")]


def test_linked_files_and_folders_are_followed_and_loops_are_one_failure_each(tmp_path: Path) -> None:
    tree(tmp_path, "here/a.txt", "there/b.txt")
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "there")
    (tmp_path / "here" / "file").symlink_to(tmp_path / "there" / "b.txt")
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here")
    assert found(tmp_path / "here") == ["a.txt", "file", "b.txt", "loop: link_loop"]


def test_folders_that_link_to_one_another_are_walked_once(tmp_path: Path) -> None:
    for name in "abcdefgh":
        tree(tmp_path, f"{name}/{name}.txt")
        for other in "abcdefgh":
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    names = [each.name for each in find_sources([tmp_path]) if isinstance(each, Source)]
    assert names == [f"{name}.txt" for name in "abcdefgh"]


def test_very_deep_folders_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 300)).mkdir(parents=True)
    (tmp_path / "/".join("d" * 300) / "leaf.txt").write_text("x")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 120)
    try:
        assert found(tmp_path) == ["leaf.txt"]
    finally:
        sys.setrecursionlimit(limit)


def test_a_name_that_is_not_utf8_can_be_printed_and_stored(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    (tmp_path / "line\nbreak.txt").write_text("x")
    sources = list(find_sources([tmp_path]))
    assert all(isinstance(source, Source) for source in sources)
    assert [source.name for source in sources] == [
        "caf\N{REPLACEMENT CHARACTER}.txt",
        "line\N{REPLACEMENT CHARACTER}break.txt",
    ]
    assert all(source.uri.isascii() for source in sources)


def test_a_pattern_with_a_zero_byte_is_one_failure() -> None:
    failures = list(find_sources(["a\x00b"]))
    assert [each.error.item_code for each in failures if isinstance(each, ItemFailure)] == ["vanished"]
