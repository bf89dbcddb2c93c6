"""Folders that may be indexed: what lies in one is found, and nothing else is, however it is named."""

from pathlib import Path

import pytest

from commonspace.core.errors import Forbidden, NotFound, UsageError
from commonspace.serve.folders import Folders


@pytest.fixture
def around(tmp_path: Path) -> Path:
    (tmp_path / "allowed" / "sub").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "allowed-not").mkdir()
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "allowed" / "in").symlink_to(tmp_path / "allowed" / "sub")
    return tmp_path


@pytest.mark.parametrize(
    "named",
    [
        "..",
        "../secret",
        "sub/../../secret",
        "out",
        "out/..",
        "../allowed-not",
        "/",
        "/etc",
        "../gone",
        "a\0b",
        "x" * 5000,
    ],
)
def test_a_hostile_folder_is_refused_whether_or_not_it_is_there(named: str, around: Path) -> None:
    with pytest.raises(Forbidden) as refused:
        Folders([around / "allowed"]).allowed(named)

    assert str(around) not in str(refused.value)


def test_an_allowed_folder_is_found_by_its_path_and_by_its_name(around: Path) -> None:
    folders = Folders([around / "allowed"])

    for named in (str(around / "allowed" / "sub"), "sub", "in", "./sub/", "sub/../sub"):
        assert folders.allowed(named).path == around / "allowed" / "sub"
    assert folders.allowed(".").path == folders.allowed(".").root == around / "allowed"
    with pytest.raises(NotFound):
        folders.allowed("gone")
    with pytest.raises(NotFound):
        folders.allowed("x" * 300)
    with pytest.raises(Forbidden):
        Folders([]).allowed("sub")


def test_the_services_own_folder_is_never_one_that_may_be_indexed(around: Path) -> None:
    for state in ("allowed", "allowed/sub", "."):
        with pytest.raises(UsageError, match="overlap"):
            Folders([around / "allowed"], private=around / state)


def test_a_uri_shows_no_place_outside_the_allowed_folder(around: Path) -> None:
    folders = Folders([around / "allowed"])

    assert folders.shown((around / "allowed" / "sub" / "a b.png").as_uri()) == "file:sub/a%20b.png"
    assert folders.shown((around / "allowed" / "x.pdf").as_uri() + "#picture-1") == "file:x.pdf#picture-1"
    assert folders.shown((around / "secret" / "x.png").as_uri()) == "file:x.png"
    assert folders.shown("upload:x") == "upload:x"
