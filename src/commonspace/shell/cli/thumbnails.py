"""Pictures inside the terminal, through the graphics protocols of kitty and sixel."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from commonspace.retrieve.hit import Hit

__all__ = ["thumbnailer"]

CELLS_WIDE = 16
CELLS_HIGH = 6


def thumbnailer(out: "Console", *, wanted: bool | None) -> "Callable[[Hit], RenderableType] | None":
    """What draws a hit's picture; None where pictures are unwanted or cannot be shown.

    Args:
        out: where the table goes; nothing is drawn unless it is a terminal.
        wanted: True also allows coarse half-cell pictures, None only real graphics, False nothing.
    """
    if wanted is False or not _is_screen(out):
        return None
    from textual_image import renderable

    graphic = renderable.Image in (renderable.SixelImage, renderable.TGPImage)
    if not graphic and not wanted:
        return None
    return _draw


def _is_screen(out: "Console") -> bool:
    """A real terminal on both ends: colour may be forced into a pipe, and finding graphics takes an answer."""
    return out.file.isatty() and sys.stdin.isatty() and not out.is_dumb_terminal


def _draw(hit: "Hit") -> "RenderableType":
    from textual_image.renderable import Image

    from commonspace.shell.preview import picture, subject_of

    subject = subject_of(hit)
    shown = picture(subject) if subject else None
    if shown is None:
        return ""
    scale = min(CELLS_WIDE / shown.width, 2 * CELLS_HIGH / shown.height)
    width, height = max(1, round(shown.width * scale)), max(1, round(shown.height * scale / 2))
    return Image(shown, width=width, height=height)
