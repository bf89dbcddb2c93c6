"""How values read to a person: sizes, times, places inside an item, and names that may be hostile."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonspace.core.item import Span

__all__ = ["clock", "duration", "excerpt", "no_good_match", "printable", "size", "span_words"]

UNITS = ("B", "kB", "MB", "GB", "TB")
SECONDS_A_MINUTE = 60
SECONDS_AN_HOUR = 3600


def printable(text: str) -> str:
    """The text with every character escaped that could steer a terminal or reverse its reading order."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def excerpt(passage: str, num_chars: int) -> str:
    """The beginning of a passage on one line, cut between words where that loses little."""
    line = " ".join(passage.split())
    if len(line) <= num_chars:
        return line
    cut = line[: num_chars - 1]
    at = cut.rfind(" ")
    return (cut[:at] if at > num_chars // 2 else cut).rstrip(" .,;:") + "…"


def no_good_match(num_shown: int) -> str:
    """That the answer is: nothing; and what is shown all the same."""
    nearest = f"{num_shown} nearest are" if num_shown > 1 else "nearest is"
    return f"No good match. The {nearest} shown, but weak."


def size(num_bytes: int) -> str:
    """Bytes in decimal units: 812 B, 1.5 kB, 20 MB."""
    power = min(len(UNITS) - 1, max(0, len(str(abs(num_bytes))) - 1) // 3)
    amount = num_bytes / 1000**power
    return f"{amount:.1f} {UNITS[power]}" if power and amount < 10 else f"{amount:.0f} {UNITS[power]}"


def clock(seconds: float) -> str:
    """A position in time: 0:07, 12:30, 1:02:03."""
    whole = int(seconds)
    hours, rest = divmod(whole, SECONDS_AN_HOUR)
    minutes, left = divmod(rest, SECONDS_A_MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def duration(seconds: float) -> str:
    """A length of time: 0.8 s, 42 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < SECONDS_A_MINUTE:
        return f"{seconds:.0f} s"
    minutes, left = divmod(round(seconds), SECONDS_A_MINUTE)
    if seconds < SECONDS_AN_HOUR:
        return f"{minutes} min {left:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def span_words(span: "Span | None") -> str:
    """Where in its item a part lies: ``0:03 to 0:04``, ``page 2, Heading``; empty for a whole item."""
    if span is None:
        return ""
    parts = []
    if span.start_seconds is not None:
        parts.append(_stretch(span.start_seconds, span.end_seconds))
    if span.page is not None:
        parts.append(f"page {span.page}")
    if span.heading:
        parts.append(printable(span.heading))
    return ", ".join(parts)


def _stretch(start: float, end: float | None) -> str:
    if end is None or clock(end) == clock(start):
        return clock(start)
    return f"{clock(start)} to {clock(end)}"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
