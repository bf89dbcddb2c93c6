"""The kinds of thing that can be put into a space."""

from enum import StrEnum

__all__ = ["Modality"]


class Modality(StrEnum):
    """A kind of input; a document (PDF, Markdown, HTML) is text with pages and headings."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    SENSOR = "sensor"
    TABLE = "table"
