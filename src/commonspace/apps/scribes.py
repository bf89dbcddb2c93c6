"""Who finds words in items beyond their text: in their sound, and in their pixels; either may be missing."""

from dataclasses import dataclass, replace
from typing import final

from commonspace.apps.reading import SHEET_PIXELS, says_read, with_reading
from commonspace.apps.speech import says_speech, with_speech
from commonspace.core.modality import Modality
from commonspace.encode.prepare import Prepared, Preparer
from commonspace.encode.reading import Reader
from commonspace.encode.speech import Transcriber
from commonspace.index.records import StoredItem

__all__ = ["Scribed", "Scribes"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scribed:
    """An item with the words that were found in it, and where they were found."""

    prepared: Prepared
    is_transcribed: bool
    is_read: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scribes:
    """A transcriber for what is said and a reader for what is written; None where that is not wanted."""

    transcriber: Transcriber | None = None
    reader: Reader | None = None

    def prepares(self, preparer: Preparer) -> Preparer:
        """The preparer, keeping what the scribes need of an item: its whole sound, its pictures large enough."""
        pixels = 0 if self.reader is None else SHEET_PIXELS
        plan = replace(preparer.plan, sheet_pixels=pixels)
        return replace(preparer, plan=plan, keep_sound=self.transcriber is not None)

    def lacks(self, item: StoredItem) -> bool:
        """Whether words are wanted of an item that was indexed without looking for them."""
        sounds = self.transcriber is not None and item.modality in (Modality.AUDIO, Modality.VIDEO)
        if sounds and not says_speech(item.notes) and "no soundtrack" not in item.notes:
            return True
        seen = item.modality is Modality.IMAGE or item.media_type == "application/pdf"
        return self.reader is not None and seen and item.parent is None and not says_read(item.notes)

    def write(self, prepared: Prepared, preparer: Preparer) -> Scribed:
        """Find the words in an item."""
        heard = prepared if self.transcriber is None else with_speech(prepared, self.transcriber, preparer)
        read = heard if self.reader is None else with_reading(heard, self.reader, preparer)
        return Scribed(
            prepared=read,
            is_transcribed=len(heard.pieces) > len(prepared.pieces),
            is_read=_num_pieces(read) > _num_pieces(heard),
        )


def _num_pieces(prepared: Prepared) -> int:
    return len(prepared.pieces) + sum(len(child.pieces) for child in prepared.children)
