"""What one hit is: an item, or a whole that items were found in."""

from enum import StrEnum
from typing import final

__all__ = ["Group"]


@final
class Group(StrEnum):
    """What one hit stands for: an item, or a parent (a PDF with its pictures)."""

    ITEM = "item"
    PARENT = "parent"
