"""Text encoders as ONNX files, read from a folder with ``model.onnx`` and a tokenizer; run without PyTorch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import unit
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.onnx_file import OnnxFile, read_onnx
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.sentences import longest_of, modules_of, prompt_of
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.runtime import Graph, Precision, load_graph
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Tower

__all__ = ["OnnxFamily"]

VERSION: Final = 1
PLACES: Final = ("model.onnx", "onnx/model.onnx")
TORCHES: Final = ("model.safetensors", "model.safetensors.index.json")
SENTENCE: Final = "sentence_embedding"
TOKENS: Final = ("last_hidden_state", "token_embeddings")
GIVEN: Final = {"input_ids", "attention_mask", "token_type_ids"}
POOLINGS: Final = ("mean", "cls", "max", "lasttoken")


@final
class OnnxFamily:
    """One text tower. Pooling is the graph's own where it has one, else what the folder names, else the mean."""

    name = "ONNX text"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether a graph lies there and no weights for PyTorch, which are exact where both are."""
        torches = any(folder.has(name) for name in TORCHES)
        return _place(folder) is not None and not torches and folder.has("tokenizer.json")

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read what the graph says of itself, the pooling and the tokenizer; hash them and the files of the graph.

        Raises:
            ModelError: a file is missing or damaged, leads out of the folder, or is no text encoder.
        """
        path = folder.file(_place(folder) or PLACES[0])
        told = read_onnx(path)
        pooling = _pooling(folder, told, path)
        tokens, most = tokenizer_file(folder), longest_of(folder)
        prompts = dict(folder.maybe_json("config_sentence_transformers.json").get("prompts") or {})
        dimension = folder.json("config.json").get("hidden_size")
        if not isinstance(dimension, int) or dimension < 1:
            raise ModelError(f"{folder.path} does not say its dimension.", fix="Restore its config.json.")
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}
        space = Space(
            name=name,
            dimension=dimension,
            towers=(Modality.TEXT,),
            composed=(),
            fingerprint=folder.fingerprint(
                [path, *_beside(folder, path, told)], {**recipe, "pooling": pooling, "prompts": prompts}
            ),
        )
        passage = TextPreparation(tokens.file, most, prompt_of(prompts, "document", "passage"))
        query = TextPreparation(tokens.file, most, prompt_of(prompts, "query"))

        def tower(_: Modality, running: Running) -> Tower:
            graph = load_graph(path, precision=running.precision or Precision.F32, threads=running.threads)
            pooled = _Pooled(graph=graph, pooling=pooling, inputs=frozenset(told.inputs))
            return TextTower(pooled, passage, Padding(token=tokens.padding, most=most))

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
class _Pooled:
    """A graph whose tokens' rows become one unit row a text, if the graph does not do that itself."""

    graph: Graph
    pooling: str
    inputs: frozenset[str]

    def run(self, batches: Sequence[Mapping[str, NDArray[np.generic]]]) -> list[dict[str, NDArray[np.float32]]]:
        """Run every batch; answers are in order."""
        given = [{**batch, "token_type_ids": np.zeros_like(batch["input_ids"])} for batch in batches]
        wanted = [{name: array for name, array in each.items() if name in self.inputs} for each in given]
        answers = zip(self.graph.run(wanted), batches, strict=True)
        return [{"embedding": unit(self._row(answer, batch["attention_mask"]))} for answer, batch in answers]

    def _row(self, answer: dict[str, NDArray[np.float32]], mask: NDArray[Any]) -> NDArray[np.float32]:
        if self.pooling == SENTENCE:
            return answer[SENTENCE]
        tokens: NDArray[np.float32] = next(answer[name] for name in TOKENS if name in answer)
        there = mask[..., None].astype(np.float32)
        match self.pooling:
            case "cls":
                return np.asarray(tokens[:, 0])
            case "max":
                return np.asarray(np.where(there > 0, tokens, -np.inf).max(axis=1), dtype=np.float32)
            case "lasttoken":
                return np.asarray(tokens[np.arange(len(tokens)), mask.sum(axis=1) - 1])
        mean: NDArray[np.float32] = (tokens * there).sum(axis=1) / there.sum(axis=1)
        return mean


def _place(folder: CheckpointFolder) -> str | None:
    return next((name for name in PLACES if folder.has(name)), None)


def _beside(folder: CheckpointFolder, path: Path, told: OnnxFile) -> list[Path]:
    """The files that tensors lie in: plain files of the graph's own folder, nothing else."""
    within = path.relative_to(folder.path).parent
    strange = [name for name in told.external if not name or Path(name).name != name]
    if strange:
        raise ModelError(
            f"{path} takes tensors from '{strange[0]}', which is no file beside it.",
            fix="Save the model with its data in its own folder, or in one file.",
        )
    return [folder.file((within / name).as_posix()) for name in told.external]


def _pooling(folder: CheckpointFolder, told: OnnxFile, path: Path) -> str:
    """How rows of tokens become one: by the graph, by the folder's second module, by the mean."""
    if not {"input_ids"} <= set(told.inputs) <= GIVEN or not {SENTENCE, *TOKENS} & set(told.outputs):
        raise ModelError(
            f"{path} takes {', '.join(told.inputs)} and gives {', '.join(told.outputs)}: it is no text encoder.",
            fix="Use an export of a text encoder (inputs input_ids, attention_mask).",
        )
    modules = modules_of(folder)
    names = [str(each.get("type", "Transformer")).rpartition(".")[2] for each in modules]
    if SENTENCE in told.outputs:
        return SENTENCE
    more = [name for name in names if name not in {"Transformer", "Pooling", "Normalize"}]
    config = next((each for each, name in zip(modules, names, strict=True) if name == "Pooling"), None)
    mode = "mean" if config is None else _mode(folder.json(f"{config['path']}/config.json"))
    if more or mode not in POOLINGS:
        raise ModelError(
            f"After the graph, {folder.path} goes on with {', '.join(more) or mode}, which is not done here.",
            fix="Use an export that gives sentence_embedding, or the model's safetensors.",
        )
    return mode


def _mode(config: Mapping[str, Any]) -> str:
    """The one way that is switched on, as this or an older version of the library writes it."""
    told = config.get("pooling_mode")
    if isinstance(told, str):
        return told
    names = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max"}
    chosen = [name.removeprefix("pooling_mode_") for name, on in config.items() if on is True and "mode_" in name]
    return " and ".join(names.get(name, name) for name in chosen) or "mean"
