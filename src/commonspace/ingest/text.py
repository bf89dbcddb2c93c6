"""A text becomes passages, each knowing which characters it is."""

from commonspace.core.errors import ItemError
from commonspace.core.item import Piece, Span
from commonspace.core.modality import Modality
from commonspace.ingest.plan import Plan
from commonspace.ingest.segments import passages

__all__ = ["text_pieces"]


def text_pieces(text: str, plan: Plan) -> tuple[Piece, ...]:
    """The passages of a text; ``text[start_char:end_char]`` is exactly a passage's content.

    Raises:
        ItemError: there is no word in it.
    """
    if not text.strip():
        raise ItemError("empty", "The text holds no words.", fix="Leave it out, or fill it.")
    return tuple(
        Piece(
            modality=Modality.TEXT,
            content=text[start:end],
            span=Span(start_char=start, end_char=end),
        )
        for start, end in passages(text, plan.passage_chars)
    )
