"""What can stand in an input: text, or a part with a type; several parts together are one item with one vector."""

from typing import Annotated, Any, Literal, final

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AudioPart",
    "AudioUrlPart",
    "Content",
    "ImagePart",
    "Item",
    "Message",
    "Part",
    "SensorPart",
    "TablePart",
    "TextPart",
    "Url",
    "VideoPart",
]

Weight = Annotated[
    float, Field(ge=-100.0, le=100.0, allow_inf_nan=False, strict=True, description="What it counts in the sum.")
]
DATA_URI = "A data URI, such as data:image/png;base64,..."


class _Strict(BaseModel):
    """Unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid")


class _Part(_Strict):
    weight: Weight = 1.0


@final
class Url(_Strict):
    """Where the media is: in the data URI itself, or at an address, if the operator lets the service fetch."""

    url: Annotated[str, Field(min_length=1, description=DATA_URI)]
    detail: str | None = None


@final
class InputAudio(_Strict):
    """Encoded sound in base64."""

    data: Annotated[str, Field(min_length=1, description="The file's bytes in base64.")]
    format: Annotated[str, Field(max_length=20, examples=["wav"])] = "wav"


@final
class TextPart(_Part):
    """A text."""

    type: Literal["text", "input_text"]
    text: str


@final
class ImagePart(_Part):
    """A picture."""

    type: Literal["image_url"]
    image_url: Url | str


@final
class AudioPart(_Part):
    """A sound, as OpenAI's chat sends it."""

    type: Literal["input_audio"]
    input_audio: InputAudio


@final
class AudioUrlPart(_Part):
    """A sound in a data URI."""

    type: Literal["audio_url"]
    audio_url: Url | str


@final
class VideoPart(_Part):
    """A video."""

    type: Literal["video_url"]
    video_url: Url | str


@final
class SensorPart(_Part):
    """A sensor recording: the JSON document that docs/ingest.md describes."""

    type: Literal["sensor"]
    sensor: dict[str, Any]


@final
class TablePart(_Part):
    """A table as CSV text, its header first."""

    type: Literal["table"]
    table: Annotated[str, Field(min_length=1, examples=["city,rain\nBergen,2250\n"])]


Part = Annotated[
    TextPart | ImagePart | AudioPart | AudioUrlPart | VideoPart | SensorPart | TablePart,
    Field(discriminator="type"),
]


@final
class Content(_Strict):
    """Several parts with one vector: the weighted sum of theirs, at length one."""

    content: Annotated[list[Part], Field(min_length=1, max_length=64)]


@final
class Message(BaseModel):
    """One turn of a conversation; what it says counts, its role does not."""

    role: Annotated[str, Field(max_length=40)]
    content: str | list[Part]


Item = str | Part | Content
