"""What a context costs a language model: an estimate of tokens, and any counter in its place."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final, final

from commonspace.core.errors import UsageError

__all__ = ["Budget", "estimated_tokens"]

ASCII_CHARS_A_TOKEN: Final = 3.5
"""English in the usual byte-pair vocabularies has four to five characters a token; this errs towards too many."""


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has: one for 3.5 ASCII characters, one for each other character. An upper guess."""
    num_ascii = sum(char.isascii() for char in text)
    return ceil(num_ascii / ASCII_CHARS_A_TOKEN) + len(text) - num_ascii


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many tokens a context may have, and what counts them.

    ``count`` is the model's own tokenizer where one is at hand. A picture costs ``image_tokens`` and sound
    ``audio_tokens_per_second``, whatever its size: both differ between models, so set them to yours, or to zero where
    only the text is sent. At most ``most_media`` pictures and clips come in, so that they leave room for words.

    Raises:
        UsageError: a number makes no sense.
    """

    tokens: int = 2000
    count: Callable[[str], int] = estimated_tokens
    image_tokens: int = 258
    audio_tokens_per_second: int = 32
    most_media: int = 6

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.image_tokens < 0 or self.audio_tokens_per_second < 0:
            raise UsageError(
                f"A budget of {self.tokens} tokens makes no sense, or a medium costs less than nothing.",
                fix="Give at least one token, and costs of zero or more.",
            )
