"""One item as HTML: pictures seen, sounds played, videos sought to their moment, passages quoted.

Nothing of an item reaches the page unescaped, and nothing is fetched from anywhere but this machine.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.shell.preview import Subject, jpeg, peaks, picture
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["exhibit", "safe"]

THUMBNAIL_BYTES: Final = 200_000
EMBEDDED_SOUND_BYTES: Final = 1_000_000
NUM_BARS: Final = 96
BAR_PITCH: Final = 4
WAVE_HEIGHT: Final = 96
FRAME_COLOUR: Final = (230, 60, 30)
FRAME_PIXELS: Final = 2


def safe(text: str) -> str:
    """Text for HTML content and quoted attributes; control and reordering characters are shown, not obeyed."""
    return escape(printable(text), quote=True)


def exhibit(subject: Subject | None, *, media_type: str, label: str) -> str:
    """The visible or audible part of a card; ``label`` says to those who cannot see it what it is."""
    show = SHOWN.get(subject.modality) if subject else None
    return show(subject, media_type, label) if subject and show else ""


def _picture(subject: Subject, _: str, label: str) -> str:
    image = picture(subject)
    if image is None:
        return '<p class="blank">no preview</p>'
    image = _marked(image, subject.span)
    data = b64encode(jpeg(image, max_bytes=THUMBNAIL_BYTES)).decode("ascii")
    size = f'width="{image.width}" height="{image.height}"'
    thumbnail = f'<img src="data:image/jpeg;base64,{data}" {size} alt="{safe(label)}">'
    return f'<a href="{_href(subject)}" title="Open the original">{thumbnail}</a>'


def _marked(image: "Image", span: Span | None) -> "Image":
    """The picture with a frame around each place that answers."""
    if span is None or not span.regions:
        return image
    from PIL import ImageDraw

    marked = image.convert("RGB").copy()
    draw = ImageDraw.Draw(marked)
    for region in span.regions:
        corners = (
            region.left * image.width,
            region.top * image.height,
            region.right * image.width,
            region.bottom * image.height,
        )
        draw.rectangle(corners, outline=FRAME_COLOUR, width=FRAME_PIXELS)
    return marked


def _sound(subject: Subject, media_type: str, label: str) -> str:
    source = _embedded(subject, media_type) or _href(subject)
    player = (
        f'<audio controls preload="metadata" src="{source}{_moment(subject.span)}" aria-label="{safe(label)}"></audio>'
    )
    return _wave(peaks(subject, NUM_BARS)) + player


def _video(subject: Subject, _: str, label: str) -> str:
    frame = picture(subject)
    poster = ""
    if frame is not None:
        data = b64encode(jpeg(frame, max_bytes=THUMBNAIL_BYTES)).decode("ascii")
        poster = f' poster="data:image/jpeg;base64,{data}"'
    source = _href(subject) + _moment(subject.span)
    return f'<video controls preload="metadata" src="{source}"{poster} aria-label="{safe(label)}"></video>'


SHOWN: Final[Mapping[Modality, Callable[[Subject, str, str], str]]] = {
    Modality.IMAGE: _picture,
    Modality.AUDIO: _sound,
    Modality.VIDEO: _video,
}


def _href(subject: Subject) -> str:
    return escape(subject.path.absolute().as_uri(), quote=True)


def _embedded(subject: Subject, media_type: str) -> str | None:
    """A short sound as a data uri, so that the page plays it wherever it is opened on."""
    try:
        if subject.path.stat().st_size > EMBEDDED_SOUND_BYTES:
            return None
        data = subject.path.read_bytes()
    except OSError:
        return None
    return f"data:{escape(media_type, quote=True)};base64,{b64encode(data).decode('ascii')}"


def _moment(span: Span | None) -> str:
    """A media fragment (W3C Media Fragments 1.0) that seeks to the span."""
    if span is None or span.start_seconds is None:
        return ""
    end = f",{span.end_seconds:.2f}" if span.end_seconds is not None else ""
    return f"#t={span.start_seconds:.2f}{end}"


def _wave(levels: Sequence[float]) -> str:
    """The shape of a sound, drawn for the eye only; the player beside it has the label."""
    bars = []
    for place, level in enumerate(levels):
        height = max(2.0, level * (WAVE_HEIGHT - 8))
        top = (WAVE_HEIGHT - height) / 2
        bars.append(f'<rect x="{place * BAR_PITCH}" y="{top:.1f}" width="2.4" height="{height:.1f}" rx="1.2"/>')
    if not bars:
        return '<p class="blank">no preview</p>'
    box = f"0 0 {len(bars) * BAR_PITCH} {WAVE_HEIGHT}"
    return f'<svg class="wave" viewBox="{box}" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
