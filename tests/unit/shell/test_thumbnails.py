"""Pictures in the terminal: only where it is one, and only where it can or was asked to."""

from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from commonspace.core.modality import Modality
from commonspace.shell.cli.hits import hits_table
from commonspace.shell.cli.thumbnails import thumbnailer
from tests.unit.shell.fake_house import hit


class Screen(StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr("sys.stdin", Screen())
    monkeypatch.setenv("TERM", "xterm-256color")
    return Console(file=Screen(), width=120)


def test_a_pipe_gets_no_pictures_even_if_asked(screen: Console) -> None:
    del screen
    assert thumbnailer(Console(file=StringIO(), force_terminal=True), wanted=True) is None


def test_no_pictures_where_the_terminal_cannot_answer(screen: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())

    assert thumbnailer(screen, wanted=True) is None


def test_a_terminal_without_graphics_gets_none_unless_asked(screen: Console) -> None:
    assert thumbnailer(screen, wanted=None) is None
    assert thumbnailer(screen, wanted=False) is None
    assert thumbnailer(screen, wanted=True) is not None


@pytest.mark.filterwarnings("ignore:Image.Image.getdata:DeprecationWarning")  # textual-image's, with Pillow 13
def test_pictures_are_drawn_beside_their_hits(screen: Console, tmp_path: Path) -> None:
    path = tmp_path / "dog.png"
    Image.new("RGB", (64, 48), "white").save(path)
    hits = [hit("dog.png", uri=path.as_uri(), modality=Modality.IMAGE), hit("gone.png", modality=Modality.IMAGE), hit()]

    screen.print(hits_table(hits, screen, thumbnails=True))

    printed = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "picture" in printed
    assert len(printed.splitlines()) >= 6 + 3
