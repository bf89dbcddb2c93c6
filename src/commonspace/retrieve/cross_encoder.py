"""A cross-encoder from a local folder as a re-ranker: it reads the query's words and a hit's passage together."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final, final

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.retrieve.asked import Asked
from commonspace.retrieve.hit import Hit

__all__ = ["CrossEncoderReranker"]

UNSAFE: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")


@final
class CrossEncoderReranker:
    """A ``sentence-transformers`` cross-encoder of one output; loaded when first asked, from files alone.

    Weights are safetensors; no code of the folder is run and nothing is fetched. Hits without words of their own (a
    picture, a sound in which nothing is said) get no score, and so keep their places.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def scores(self, asked: Asked, hits: Sequence[Hit]) -> Sequence[float | None]:
        """One number a hit with words, higher is better; None for the others, or where the query has no words.

        Raises:
            MissingExtra: sentence-transformers is not installed.
            ModelError: the folder holds no such model.
        """
        texts = [hit.segment.text if hit.segment else None for hit in hits]
        pairs = [(asked.words, text) for text in texts if text]
        if not pairs or not asked.words:
            return [None] * len(hits)
        with self._lock:
            given = iter(self._model.predict(pairs, show_progress_bar=False).tolist())
        return [float(next(given)) if text else None for text in texts]

    @cached_property
    def _model(self) -> Any:
        self._check_files()
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise MissingExtra(
                "Re-ranking with a cross-encoder needs sentence-transformers.",
                fix="Install it: pip install 'commonspace[hub]'",
            ) from error
        try:
            model = CrossEncoder(
                str(self._folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            raise ModelError(
                f"{self._folder} cannot be loaded as a cross-encoder: {error}.",
                fix="Name a folder that sentence-transformers' CrossEncoder saved.",
            ) from error
        if model.num_labels != 1:
            raise ModelError(
                f"The cross-encoder in {self._folder} has {model.num_labels} outputs.",
                fix="A re-ranker has one: how relevant the passage is.",
            )
        return model

    def _check_files(self) -> None:
        if not (self._folder / "config.json").is_file() or not any(self._folder.glob("*.safetensors")):
            raise ModelError(
                f"{self._folder} holds no config.json with weights as safetensors.",
                fix="Set reranker_model to a folder that sentence-transformers' CrossEncoder saved.",
            )
        unsafe = sorted(path.name for pattern in UNSAFE for path in self._folder.glob(pattern))
        if unsafe:
            raise ModelError(
                f"{self._folder} holds {unsafe[0]}, which may run code when it is read.",
                fix="Keep the weights as safetensors only, and delete that file.",
            )
