"""What an API key looks like, and the keyed hash that is all a server keeps of it.

A key is ``cs_<8: its public id>_<43: 256 random bits>_<6: CRC-32 of what is before>``, all in base62.
"""

import re
import secrets
import string
import zlib
from dataclasses import dataclass
from typing import Final, Self, final

from blake3 import blake3

__all__ = ["KEY_PATTERN", "PEPPER_BYTES", "Secret"]

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_CHARS: Final = 8
RANDOM_CHARS: Final = 43
CHECK_CHARS: Final = 6
PEPPER_BYTES: Final = 32

ID_PATTERN: Final = re.compile(rf"[0-9A-Za-z]{{{ID_CHARS}}}")
KEY_PATTERN: Final = re.compile(
    rf"cs_([0-9A-Za-z]{{{ID_CHARS}}})_[0-9A-Za-z]{{{RANDOM_CHARS}}}_[0-9A-Za-z]{{{CHECK_CHARS}}}"
)
"""The whole of a key; its one group is the public id."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secret:
    """A key as its owner holds it. It has no ``repr``, so that it does not slip into a log or a traceback."""

    key_id: str
    text: str

    @classmethod
    def new(cls) -> Self:
        """A key nobody has had before."""
        key_id = "".join(secrets.choice(ALPHABET) for _ in range(ID_CHARS))
        body = f"cs_{key_id}_{''.join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))}"
        return cls(key_id=key_id, text=f"{body}_{_check(body)}")

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The key that a text is; None where it is none, or was mistyped."""
        found = KEY_PATTERN.fullmatch(text)
        body, _, check = text.rpartition("_")
        if found is None or check != _check(body):
            return None
        return cls(key_id=found[1], text=text)

    def digest(self, pepper: bytes) -> bytes:
        """BLAKE3 keyed with the server's pepper; 256 random bits need no slow hash."""
        return blake3(self.text.encode("ascii"), key=pepper).digest()


def _check(body: str) -> str:
    number = zlib.crc32(body.encode("utf-8", "surrogatepass"))
    digits = ""
    for _ in range(CHECK_CHARS):
        number, place = divmod(number, len(ALPHABET))
        digits = ALPHABET[place] + digits
    return digits
