"""What is said in a sound or a video becomes text segments of that item, beside the vectors of its sound."""

from collections.abc import Sequence
from dataclasses import replace

from commonspace.core.errors import ItemError
from commonspace.core.item import Span
from commonspace.encode.prepare import Prepared, Preparer
from commonspace.encode.speech import Transcriber, Transcript, at_speech_rate
from commonspace.ingest.source import ItemFailure

__all__ = ["says_speech", "with_speech"]

NOTE = "speech: "


def says_speech(notes: Sequence[str]) -> bool:
    """Whether an item's notes say that its speech was looked for."""
    return any(note.startswith(NOTE) for note in notes)


def with_speech(prepared: Prepared, transcriber: Transcriber, preparer: Preparer) -> Prepared:
    """An item with the passages that are said in it, its language, and a note; what has no sound is left as it is.

    A transcription that fails is a failure beside the item, which keeps its other pieces.
    """
    if prepared.sound is None:
        return prepared
    try:
        transcript = transcriber.transcribe(at_speech_rate(prepared.sound))
    except ItemError as error:
        failure = ItemFailure(uri=prepared.uri, name=prepared.name, error=error)
        return replace(prepared, sound=None, failures=(*prepared.failures, failure))
    offset = prepared.sound_start_seconds
    spoken = tuple(
        preparer.passage(
            passage.text,
            Span(
                start_seconds=round(offset + passage.start_seconds, 3),
                end_seconds=round(offset + passage.end_seconds, 3),
            ),
        )
        for passage in transcript.passages
    )
    return replace(
        prepared,
        sound=None,
        pieces=prepared.pieces + spoken,
        notes=(*prepared.notes, NOTE + _told(transcript)),
        metadata={**prepared.metadata, "language": transcript.language} if spoken else prepared.metadata,
    )


def _told(transcript: Transcript) -> str:
    count = len(transcript.passages)
    if not count:
        return "none heard"
    words = f"{count} {'passage' if count == 1 else 'passages'}"
    return f"transcribed, {words} in '{transcript.language}' (confidence {transcript.confidence:.2f})"
