"""Static embeddings (model2vec, and sentence-transformers' own): a text is the mean of its word pieces' vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, final

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from commonspace.core.errors import ItemError, ModelError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.sentences import modules_of, prompt_of
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.tower import Features, Tower

__all__ = ["StaticFamily", "StaticText", "StaticTower"]

VERSION: Final = 1
MODEL2VEC: Final = "embeddings"
SENTENCES: Final = "embedding.weight"
MOST_TOKENS: Final = 512
"""What model2vec cuts a text at where the model does not say."""
HARMLESS: Final = ("StaticEmbedding", "Normalize")


@final
class StaticFamily:
    """One text tower without a network. The two libraries differ in what they leave out; each is followed."""

    name = "static embeddings"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether its first module is such a table, or model2vec says so."""
        if folder.maybe_json("config.json").get("model_type") == "model2vec":
            return True
        return folder.has("modules.json") and b"StaticEmbedding" in folder.content("modules.json")

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the table's header, the configuration and the tokenizer; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or more than a table makes the vectors.
        """
        home = _home(folder)
        weights, tokens = folder.weights(home)[0], tokenizer_file(folder, home)
        table, shape = _table(weights)
        told = folder.maybe_json("config.json") if table == MODEL2VEC else {}
        most = told.get("max_length", MOST_TOKENS) if table == MODEL2VEC else None
        unknown = _unknown(tokens.file) if table == MODEL2VEC else None
        prompts = dict(folder.maybe_json("config_sentence_transformers.json").get("prompts") or {})
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "most": most, "unknown": unknown}
        space = Space(
            name=name,
            dimension=shape[1],
            towers=(Modality.TEXT,),
            composed=(),
            fingerprint=folder.fingerprint([weights], {**recipe, "prompts": prompts}),
        )
        text = partial(StaticText, tokenizer_file=tokens.file, max_tokens=most, unknown=unknown)
        passage = text(prefix=prompt_of(prompts, "document", "passage"))
        query = text(prefix=prompt_of(prompts, "query"))

        def tower(_: Modality, running: Running) -> Tower:  # noqa: ARG001 - there is no network to run in some way
            return StaticTower(weights, passage)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.TEXT: passage},
            asking={Modality.TEXT: query} if query != passage else {},
            tower=tower,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StaticText:
    """Text to word-piece ids (t, int64) without special tokens, and without ``unknown`` where it is left out.

    A text is cut at ``max_tokens`` times the median word piece's characters first, as model2vec does, then at
    ``max_tokens``.
    """

    tokenizer_file: Path
    max_tokens: int | None
    unknown: int | None = None
    prefix: str = ""
    _loaded: list[Any] = field(default_factory=list, repr=False, compare=False)

    def __call__(self, content: Content) -> Features:
        """Tokenise one text.

        Raises:
            ItemError: none of its word pieces has a vector.
        """
        if not isinstance(content, str):
            raise TypeError(f"a text tower takes str, not {type(content).__name__}")
        tokenizer, most_chars = self._tokenizer()
        ids = tokenizer.encode((self.prefix + content)[:most_chars], add_special_tokens=False).ids
        kept = np.array([each for each in ids if each != self.unknown], dtype=np.int64)
        if not len(kept):
            raise ItemError(
                "nothing_to_embed",
                "This text has no word that the model knows.",
                fix="Use a model of the text's language; this one looks words up in a table.",
            )
        return kept

    def __reduce__(self) -> tuple[object, ...]:
        made = partial(StaticText, tokenizer_file=self.tokenizer_file, max_tokens=self.max_tokens)
        return partial(made, unknown=self.unknown, prefix=self.prefix), ()

    def _tokenizer(self) -> tuple[Any, int | None]:
        if not self._loaded:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(self.tokenizer_file))
            tokenizer.no_padding()
            tokenizer.no_truncation()
            most_chars = None
            if self.max_tokens is not None:
                tokenizer.enable_truncation(self.max_tokens)
                most_chars = self.max_tokens * int(median(len(each) for each in tokenizer.get_vocab()))
            self._loaded.append((tokenizer, most_chars))
        loaded: tuple[Any, int | None] = self._loaded[0]
        return loaded


@final
class StaticTower:
    """The mean of rows of a table, weighted where the model brings weights."""

    modality = Modality.TEXT

    def __init__(self, weights: Path, prepare: StaticText) -> None:
        self.prepare = prepare
        table, _ = _table(weights)
        with safe_open(weights, framework="numpy") as file:
            names = set(file.keys())
            self._rows: NDArray[Any] = file.get_tensor(table)
            self._weights = file.get_tensor("weights") if "weights" in names else None
            self._mapping = file.get_tensor("mapping") if "mapping" in names else None

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode word-piece ids to unit vectors, one row each, in order."""
        return unit(np.stack([self._mean(ids) for ids in batch]))

    def _mean(self, ids: Features) -> NDArray[np.float32]:
        rows = self._rows[ids if self._mapping is None else self._mapping[ids]]
        if self._weights is not None:
            rows = rows * self._weights[ids][:, None]
        mean: NDArray[np.float32] = rows.astype(np.float32).mean(axis=0)
        return mean


def _home(folder: CheckpointFolder) -> str:
    """The folder inside of the first module; more than a table and its normalisation is refused."""
    if not folder.has("modules.json"):
        return ""
    modules = modules_of(folder)
    more = [str(each["type"]) for each in modules if not str(each["type"]).endswith(HARMLESS)]
    if more:
        raise ModelError(
            f"After its table, {folder.path} goes on with {', '.join(more)}, which is not done here.",
            fix="Use a model of the table alone (docs/models.md).",
        )
    path = str(modules[0].get("path", ""))
    return "" if path == "." else path


def _table(weights: Path) -> tuple[str, tuple[int, int]]:
    """The table's name, which tells the library that it is of, and its shape.

    Raises:
        ModelError: there is no such table.
    """
    try:
        with safe_open(weights, framework="numpy") as file:
            for name in (MODEL2VEC, SENTENCES):
                if name in set(file.keys()):
                    num_rows, dimension = file.get_slice(name).get_shape()
                    return name, (int(num_rows), int(dimension))
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{weights} cannot be read: {error}.", fix="Download the model again.") from error
    raise ModelError(f"{weights} holds no table of word pieces.", fix="Download the model again.")


def _unknown(file: Path) -> int | None:
    """The id that stands for unknown words; model2vec leaves it out."""
    document: Mapping[str, Any] = orjson.loads(file.read_bytes())
    model = document["model"]
    if "unk_id" in model:
        return None if model["unk_id"] is None else int(model["unk_id"])
    added = {each["content"]: int(each["id"]) for each in document.get("added_tokens", [])}
    found = added.get(model.get("unk_token"), model["vocab"].get(model.get("unk_token")))
    return None if found is None else int(found)
