"""What models that converse have in common when they embed: how they pool, how long a text may be, what frames it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from commonspace.core.errors import ModelError
from commonspace.encode.hub.chat import Frame
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.sentences import modules_of
from commonspace.encode.hub.tokens import TokenizerFile
from commonspace.encode.texts import TextPreparation
from commonspace.encode.tower import Features

__all__ = [
    "Around",
    "around_of",
    "chat_files",
    "filled",
    "longest_text",
    "processing_of",
    "require_pooling",
    "texts_of",
    "token_named",
]

FILES: Final = (
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer_config.json",
)
KNOWN: Final = ("Transformer", "Pooling", "Normalize")
FEW_TOKENS: Final = 8_192
"""What a text is cut at where nothing says."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The tokens before and behind what is no text."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def around_of(tokens: TokenizerFile, frame: Frame, token: str) -> Around:
    """The tokens of a frame, in whose middle ``token`` stands.

    Raises:
        ModelError: the tokenizer does not know it as one token.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokens.file))
    middle = tokenizer.token_to_id(token)
    ids = tokenizer.encode(frame.before + token + frame.after, add_special_tokens=frame.special).ids
    if middle is None or ids.count(middle) != 1:
        raise ModelError(f"{tokens.file} does not know {token} as one token.", fix="Download the model again.")
    place = ids.index(middle)
    return Around(before=tuple(ids[:place]), after=tuple(ids[place + 1 :]))


def chat_files(folder: CheckpointFolder) -> list[Path]:
    """The files that say how a content becomes tokens and tokens a vector."""
    pooling = [f"{path}/config.json" for each in modules_of(folder) if (path := str(each.get("path") or ""))]
    return [folder.file(name) for name in (*FILES, *pooling) if folder.has(name)]


def processing_of(folder: CheckpointFolder, kind: str) -> Mapping[str, Any]:
    """What sentence-transformers overrides of the processor's configuration for ``image``, ``audio`` or ``text``."""
    told = (folder.maybe_json("sentence_bert_config.json").get("processing_kwargs") or {}).get(kind)
    return told if isinstance(told, Mapping) else {}


def filled(rows: Sequence[Sequence[int]]) -> dict[str, Features]:
    """Tokens and their mask (n x t, int64); shorter rows are filled up behind."""
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def longest_text(folder: CheckpointFolder) -> int:
    """How many tokens a text may have: the least of what the network, the model and its tokenizer say."""
    told = [
        (folder.json("config.json").get("text_config") or {}).get("max_position_embeddings"),
        folder.maybe_json("sentence_bert_config.json").get("max_seq_length"),
        folder.maybe_json("tokenizer_config.json").get("model_max_length"),
        processing_of(folder, "text").get("max_length"),
    ]
    return min((int(each) for each in told if isinstance(each, int | float) and 0 < each < 1e6), default=FEW_TOKENS)


def require_pooling(folder: CheckpointFolder, wanted: str) -> None:
    """Check that ``modules.json`` makes a vector of conversations as the adapter does.

    Raises:
        ModelError: the folder does not say how (a model that chats), or says another way.
    """
    if not folder.has("modules.json"):
        raise ModelError(
            f"The model in {folder.path} does not say how it makes a vector: it has no modules.json.",
            fix="Pull the newest revision of a model that embeds; one that chats gives no vectors.",
        )
    modules = modules_of(folder)
    kinds = [str(each["type"]).rpartition(".")[2] for each in modules]
    pooling = next((str(each.get("path")) for each, kind in zip(modules, kinds, strict=True) if kind == "Pooling"), "")
    told = folder.maybe_json(f"{pooling}/config.json") if pooling else {}
    old = [key.removeprefix("pooling_mode_") for key, value in told.items() if value is True]
    modes = [told["pooling_mode"]] if "pooling_mode" in told else [each for each in old if each != "include_prompt"]
    senses = folder.maybe_json("sentence_bert_config.json").get("modality_config") or {}
    if modes != [wanted] or set(kinds) - set(KNOWN) or "message" not in senses:
        raise ModelError(
            f"The model in {folder.path} pools by {modes or 'nothing'} in {', '.join(kinds)}, over "
            f"{', '.join(map(str, senses)) or 'texts'}; here such a model pools conversations by {wanted}.",
            fix="Use a model of a family in docs/models.md.",
        )


def token_named(tokens: TokenizerFile, number: int) -> str:
    """What a token's number is called.

    Raises:
        ModelError: the tokenizer has no such token.
    """
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(tokens.file)).id_to_token(int(number))
    if found is None:
        raise ModelError(f"{tokens.file} has no token {number}.", fix="Download the model again.")
    return str(found)


def texts_of(tokens: TokenizerFile, most: int, frame: Frame) -> TextPreparation:
    """Texts in their frame, which stays whole when a text is cut."""
    return TextPreparation(
        tokens.file,
        most,
        prefix=frame.before,
        suffix=frame.after,
        stripped=frame.stripped,
        special=frame.special,
    )
