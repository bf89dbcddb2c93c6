"""How deeply a JSON text is nested, counted before anything parses it."""

from typing import Final

import numpy as np

__all__ = ["too_deep"]

BLOCK_BYTES: Final = 1 << 20
QUOTE, OPENING, CLOSING = ord('"'), b"[{", b"]}"


def too_deep(text: bytes, limit: int) -> bool:
    """Whether brackets are open inside more than ``limit`` others; brackets in strings are none.

    The text need not be valid JSON. Where it has no more opening brackets than the limit nothing else is looked at;
    else it is a few passes over the bytes, whatever they are, in blocks of one megabyte.
    """
    if text.count(b"[") + text.count(b"{") <= limit:
        return False
    plain = text.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in text else text
    in_string, depth = False, 0
    for start in range(0, len(plain), BLOCK_BYTES):
        block = np.frombuffer(plain, np.uint8, min(BLOCK_BYTES, len(plain) - start), start)
        quotes = np.cumsum(block == QUOTE, dtype=np.int32) + in_string
        opening = (block == OPENING[0]) | (block == OPENING[1])
        closing = (block == CLOSING[0]) | (block == CLOSING[1])
        steps = opening.astype(np.int32) - closing
        depths = depth + np.cumsum(np.where(quotes & 1, 0, steps), dtype=np.int32)
        depths -= np.minimum(np.minimum.accumulate(depths), 0)
        if depths.max() > limit:
            return True
        in_string, depth = bool(quotes[-1] & 1), int(depths[-1])
    return False
