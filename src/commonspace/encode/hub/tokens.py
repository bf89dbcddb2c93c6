"""A checkpoint's tokenizer as one file that the tokenizers library reads, so that workers need nothing heavier."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import orjson
from blake3 import blake3

from commonspace.core.errors import ModelError
from commonspace.encode.hub.folder import CheckpointFolder

__all__ = ["TokenizerFile", "tokenizer_file"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFile:
    """Where ``tokenizer.json`` is, its BLAKE3, and the id that pads."""

    file: Path
    digest: str
    padding: int


def tokenizer_file(folder: CheckpointFolder, within: str = "") -> TokenizerFile:
    """Find ``tokenizer.json`` in a folder, or in one inside it.

    Raises:
        ModelError: there is none.
    """
    name = f"{within}/tokenizer.json" if within else "tokenizer.json"
    if not folder.has(name):
        raise ModelError(
            f"There is no {name} in {folder.path}.",
            fix="Save the tokenizer in its fast form once: AutoTokenizer.from_pretrained(...).save_pretrained(folder).",
        )
    file = folder.file(name)
    data = folder.content(name)
    if folder.hashed:
        _require_tokenizer(file, data)
    return TokenizerFile(
        file=file, digest=blake3(data).hexdigest(), padding=_padding(orjson.loads(data), folder, within)
    )


def _require_tokenizer(file: Path, data: bytes) -> None:
    """Let the library read it once, so that what it cannot read is told now and not by a decoding process."""
    from tokenizers import Tokenizer

    try:
        Tokenizer.from_buffer(data)
    except Exception as error:  # the library raises plain exceptions
        raise ModelError(f"{file} is no tokenizer: {str(error)[:200]}.", fix="Download the model again.") from error


def _padding(document: dict[str, Any], folder: CheckpointFolder, within: str) -> int:
    """The padding token's id: as the tokenizer pads, else as its configuration names it, else zero."""
    if document.get("padding"):
        return int(document["padding"]["pad_id"])
    told = folder.maybe_json(f"{within}/tokenizer_config.json" if within else "tokenizer_config.json").get("pad_token")
    named = told.get("content") if isinstance(told, dict) else told
    added = {each["content"]: int(each["id"]) for each in document.get("added_tokens", [])}
    vocabulary = document.get("model", {}).get("vocab", {})
    known = {**(vocabulary if isinstance(vocabulary, dict) else {}), **added}
    return int(known.get(named, 0))
