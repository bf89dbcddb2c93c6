"""sentence-transformers models that take more than text: that library's own processing and forward, item by item."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, final

import numpy as np

from commonspace.core.errors import ModelError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running, require_torch
from commonspace.encode.hub.sentences import library_model, modules_of, senses_of
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.tower import Features, Tower

__all__ = ["ForLibrary", "NativeFamily", "NativeTower"]

VERSION: Final = 1
HEADER: Final = 3
"""Numbers before an item's bytes: what it is for, its height and its width (zero for texts)."""
PASSAGE, QUERY = 0, 1
CONFIGS: Final = (
    "modules.json",
    "config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
)


@final
class NativeFamily:
    """Texts and pictures, whatever the library does to them; sound and film of such models are left out."""

    name = "sentence-transformers (several senses)"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the library says that the model takes more than text."""
        return folder.has("modules.json") and bool(senses_of(folder) - {Modality.TEXT})

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the modules' configurations; hash them, the tokenizer and the weights.

        Raises:
            ModelError: a file is missing or damaged, or it takes neither texts nor pictures.
        """
        modules, senses = modules_of(folder), senses_of(folder)
        towers = tuple(each for each in (Modality.TEXT, Modality.IMAGE) if each.value in senses)
        if not towers:
            raise ModelError(
                f"The model in {folder.path} takes {', '.join(sorted(senses))}; of these none is embedded here.",
                fix="Use a model that takes texts or pictures (docs/models.md).",
            )
        homes = sorted({str(each.get("path", "")) for each in modules})
        filled = [home for home in homes if any((folder.path / home).glob("*.safetensors"))]
        weights = [file for home in filled for file in folder.weights(home)]
        files = [folder.file(each) for each in CONFIGS if folder.has(each)]
        files += [folder.file(f"{home}/config.json") for home in homes if home and folder.has(f"{home}/config.json")]
        recipe = {"family": self.name, "version": VERSION, "tokens": tokenizer_file(folder).digest}
        space = Space(
            name=name,
            dimension=_dimension(folder, homes),
            towers=towers,
            composed=(Modality.VIDEO,) if Modality.IMAGE in towers else (),
            fingerprint=folder.fingerprint([*weights, *files], recipe),
        )

        def tower(modality: Modality, running: Running) -> Tower:  # noqa: ARG001 - the library runs it
            return NativeTower(modality, _loaded(folder), space.dimension)

        left = sorted(senses - {each.value for each in towers})
        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={modality: ForLibrary(PASSAGE) for modality in towers},
            asking={modality: ForLibrary(QUERY) for modality in towers},
            tower=tower,
            notes=(f"The model also takes {', '.join(left)}, which is not used here.",) if left else (),
        )


@final
@dataclass(frozen=True, slots=True)
class ForLibrary:
    """A text's UTF-8 or a picture's pixels, behind what they are for and how large the picture is (n, int32)."""

    role: int

    def __call__(self, content: Content) -> Features:
        """Pack one text or picture; nothing is scaled or cut, the library does that."""
        if isinstance(content, str):
            shape, data = (0, 0), np.frombuffer(content.encode("utf-8"), dtype=np.uint8)
        elif isinstance(content, np.ndarray):
            shape, data = (content.shape[0], content.shape[1]), content.ravel()
        else:
            raise TypeError(f"texts and pictures are taken, not {type(content).__name__}")
        return np.concatenate([np.array([self.role, *shape], dtype=np.int32).view(np.uint8), data])


@final
class NativeTower:
    """One item at a time through ``encode_document`` or ``encode_query``: its neighbours cannot matter."""

    def __init__(self, modality: Modality, library: Any, dimension: int) -> None:
        self._modality = modality
        self._library = library
        self._dimension = dimension
        self.prepare = ForLibrary(PASSAGE)

    @property
    def modality(self) -> Modality:
        """What it encodes."""
        return self._modality

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode what was packed to unit vectors, one row each, in order.

        Raises:
            ModelError: the library's vectors have another size than the files say.
        """
        rows = np.stack([self._row(item) for item in batch]).astype(np.float32)
        if rows.shape[1] != self._dimension:
            raise ModelError(
                f"The model gives {rows.shape[1]} numbers; its files say {self._dimension}.",
                fix="Restore its config.json.",
            )
        return unit(rows)

    def _row(self, item: Features) -> Any:
        split = HEADER * 4
        role, height, width = (int(each) for each in item[:split].view(np.int32))
        data = item[split:]
        encode = self._library.encode_query if role == QUERY else self._library.encode_document
        if self._modality is Modality.TEXT:
            return encode([{"text": data.tobytes().decode("utf-8")}], show_progress_bar=False)[0]  # never a path or URL
        from PIL import Image

        pixels = data.reshape(height, width, 3).astype(np.uint8)
        return encode([Image.fromarray(pixels)], show_progress_bar=False)[0]


@lru_cache(maxsize=2)
def _loaded(folder: CheckpointFolder) -> Any:
    model = library_model(folder)
    return model.to("cuda" if require_torch().cuda.is_available() else "cpu")


def _dimension(folder: CheckpointFolder, homes: Sequence[str]) -> int:
    """What the last module that changes it says, else what the network's halves share, else its width."""
    config = folder.json("config.json")
    text = config.get("text_config") or {}
    said = [folder.maybe_json(f"{home}/config.json") for home in reversed(homes) if home]
    told = [
        each.get(key) for each in said for key in ("out_features", "embedding_dimension", "word_embedding_dimension")
    ]
    told += [
        config.get("projection_dim"),
        text.get("projection_size"),
        text.get("hidden_size"),
        config.get("hidden_size"),
    ]
    found = next((each for each in told if isinstance(each, int) and each > 0), None)
    if found is None:
        raise ModelError(f"{folder.path} does not say its dimension.", fix="Restore its config.json.")
    return found
