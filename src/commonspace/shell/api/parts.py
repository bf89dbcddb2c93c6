"""Parts of a request become sources for the engine; what pretends to be something else is refused."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import orjson

from commonspace.core.errors import ItemError
from commonspace.core.modality import Modality
from commonspace.ingest.sniff import sniff
from commonspace.ingest.source import Source, source_of
from commonspace.serve.fetch import Fetcher
from commonspace.shell.api.part_models import (
    AudioPart,
    AudioUrlPart,
    Content,
    ImagePart,
    Item,
    SensorPart,
    TablePart,
    TextPart,
    Url,
    VideoPart,
)

__all__ = ["Wanted", "Wish", "from_base64", "text_source", "wished"]

DATA_URI: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*?(?P<base64>;base64)?,", re.ASCII)
BASE64_HEAD: Final = re.compile(r"[A-Za-z0-9+/\r\n]{64,}={0,2}\s*|[A-Za-z0-9+/\r\n]{256}.*", re.DOTALL)
HEAD_CHARS: Final = 512
FETCHED: Final = ("http://", "https://")

AnyPart = TextPart | ImagePart | AudioPart | AudioUrlPart | VideoPart | SensorPart | TablePart


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wanted:
    """One source, of which modality it must be (None where any will do), and what it counts."""

    source: Source
    modality: Modality | None = None
    weight: float = 1.0

    def to_ask(self) -> "Wanted":
        """The same, to search with: some encoders take queries in another way than what is found."""
        return replace(self, source=replace(self.source, asked=True))


Wish = Sequence[Wanted]
"""What one vector is wanted of: one source, or several to be summed."""


async def wished(item: Item, fetcher: Fetcher) -> Wish:
    """The sources of one item of a request.

    Raises:
        ItemError: it does not hold what it says, or would have to be fetched.
    """
    if isinstance(item, str):
        return (Wanted(source=text_source(item)),)
    if isinstance(item, Content):
        return [await _wanted(part, fetcher) for part in item.content]
    return (await _wanted(item, fetcher),)


def text_source(text: str) -> Source:
    """The source of a text, which must be one.

    Raises:
        ItemError: it is empty, a data URI, or media in base64.
    """
    if not text.strip():
        raise ItemError("empty", "The text is empty.", fix="Leave it out, or say something.")
    if text.startswith("data:") and DATA_URI.match(text[:HEAD_CHARS]):
        raise ItemError(
            "wrong_type", "This text is a data URI.", fix='Send it as {"type": "image_url", "image_url": {"url": ...}}.'
        )
    kind = _kind_in_base64(text)
    if kind is not None:
        raise ItemError(
            "wrong_type",
            f"This text is {kind} in base64.",
            fix="Send media as typed parts (image_url, input_audio, video_url), not as text.",
        )
    return source_of(text)


def from_base64(data: str) -> bytes:
    """Bytes in base64, with or without line breaks and padding, or in its form for URLs.

    Raises:
        ItemError: it is not base64.
    """
    plain = "".join(data.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ItemError("corrupt", "The data is not base64.", fix="Encode the file's bytes in base64.") from None


async def _wanted(part: AnyPart, fetcher: Fetcher) -> Wanted:
    if isinstance(part, TextPart):
        return Wanted(source=text_source(part.text), weight=part.weight)
    if isinstance(part, SensorPart):
        return Wanted(source=source_of(orjson.dumps(part.sensor)), modality=Modality.SENSOR, weight=part.weight)
    if isinstance(part, TablePart):
        return Wanted(source=source_of(part.table.encode()), modality=Modality.TABLE, weight=part.weight)
    if isinstance(part, AudioPart):
        data = from_base64(part.input_audio.data)
        return Wanted(source=source_of(data), modality=Modality.AUDIO, weight=part.weight)
    if isinstance(part, ImagePart):
        url, modality = part.image_url, Modality.IMAGE
    elif isinstance(part, AudioUrlPart):
        url, modality = part.audio_url, Modality.AUDIO
    else:
        url, modality = part.video_url, Modality.VIDEO
    data = await _media(url.url if isinstance(url, Url) else url, fetcher)
    return Wanted(source=source_of(data), modality=modality, weight=part.weight)


async def _media(url: str, fetcher: Fetcher) -> bytes:
    if url[:8].lower().startswith(FETCHED):
        return await fetcher.fetch(url)
    head = DATA_URI.match(url[:HEAD_CHARS])
    if head is None or head["base64"] is None:
        raise ItemError(
            "url_refused", "This is no data URI in base64.", fix="Send the media as data:image/png;base64,..."
        )
    data = from_base64(url[head.end() :])
    if not data:
        raise ItemError("empty", "The data URI holds no bytes.", fix="Put the file's bytes in base64 behind the comma.")
    return data


def _kind_in_base64(text: str) -> str | None:
    """What media a text is that looks like base64, or None if it may be a text after all."""
    if len(text) < 64 or not BASE64_HEAD.fullmatch(text[:HEAD_CHARS]):
        return None
    head = "".join(text[:HEAD_CHARS].split())
    try:
        media_type = sniff(base64.b64decode(head[: len(head) // 4 * 4]))
    except (binascii.Error, ValueError):
        return None
    except ItemError as error:
        return "a file" if error.item_code == "refused_type" else None
    kind = media_type.split("/", maxsplit=1)[0]
    named = {"image": "a picture", "audio": "a sound", "video": "a video", "application": "a document"}
    return named.get(kind)
