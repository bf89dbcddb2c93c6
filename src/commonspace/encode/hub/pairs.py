"""Image-text models that transformers runs: CLIP, SigLIP and their kin, read from a folder with ``config.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, final

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.pictures import ImageTower, Normalisation, PicturePreparation
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Tower

__all__ = ["ImageTextFamily", "loaded_model", "picture_processor"]

VERSION: Final = 1
"""Raised when this adapter makes other vectors of the same files: part of the fingerprint."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Contract:
    """What a model type asks of its inputs. ``fixed``: texts are padded to the longest that it takes, unmasked."""

    fixed: bool = False
    square: bool = False


CONTRACTS: Final[Mapping[str, _Contract]] = {
    "clip": _Contract(),
    "altclip": _Contract(),
    "chinese_clip": _Contract(square=True),
    "siglip": _Contract(fixed=True, square=True),
}


@final
class ImageTextFamily:
    """Two towers of one checkpoint. Logit scale and bias stay out: vectors are of unit length."""

    name = "transformers image-text"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration names one of these types."""
        return folder.maybe_json("config.json").get("model_type") in CONTRACTS

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration, the processor's and the tokenizer's; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or asks for what this adapter does not do.
        """
        config, (kept, processor) = folder.json("config.json"), picture_processor(folder)
        contract = CONTRACTS[config["model_type"]]
        tokens = tokenizer_file(folder)
        files = [*folder.weights(), folder.file("config.json"), folder.file(kept)]
        most = _longest(config, folder)
        length = most if contract.fixed else None
        padding = Padding(token=tokens.padding, length=length, most=most, masked=not contract.fixed)
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}
        space = Space(
            name=name,
            dimension=_dimension(config, folder),
            towers=(Modality.TEXT, Modality.IMAGE),
            composed=(Modality.VIDEO,),
            fingerprint=folder.fingerprint(files, recipe),
        )
        text = TextPreparation(tokens.file, most)
        picture = PicturePreparation.read(processor, square=contract.square)
        loading = _Loading(folder=folder, normalisation=Normalisation.read(processor))

        def tower(modality: Modality, running: Running) -> Tower:
            graph = running.graph(modality, partial(loading.module, modality))
            return TextTower(graph, text, padding) if modality is Modality.TEXT else ImageTower(graph, picture)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.TEXT: text, Modality.IMAGE: picture},
            tower=tower,
        )


def picture_processor(folder: CheckpointFolder) -> tuple[str, dict[str, Any]]:
    """The file that says how pictures are made ready, and what it says: on its own, or in the whole processor's.

    Raises:
        ModelError: neither file is there.
    """
    whole = folder.maybe_json("processor_config.json").get("image_processor")
    if isinstance(whole, dict) and not folder.has("preprocessor_config.json"):
        return "processor_config.json", whole
    return "preprocessor_config.json", folder.json("preprocessor_config.json")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Loading:
    """The model in memory, once for both towers."""

    folder: CheckpointFolder
    normalisation: Normalisation

    def module(self, modality: Modality) -> Any:
        from commonspace.encode.hub.modules import PictureNet, TextNet

        model = loaded_model(self.folder)
        return TextNet(model) if modality is Modality.TEXT else PictureNet(model, self.normalisation)


def loaded_model(folder: CheckpointFolder, kind: str = "AutoModel", spare: tuple[str, ...] = ()) -> Any:
    """The library's model with the folder's weights, of the class that it calls ``kind``; kept for the next tower.

    A folder whose files have changed since is read again.

    The library gives random weights to what a checkpoint lacks, and only warns; here that is an error, but for weights
    with one of ``spare`` in their names, which nobody runs.

    Raises:
        MissingExtra: transformers is not installed.
        ModelError: the library cannot make the model of these files, or weights are missing.
    """
    return _loaded(folder, kind, spare, _stamps(folder))


@lru_cache(maxsize=2)
def _loaded(folder: CheckpointFolder, kind: str, spare: tuple[str, ...], _stamped: tuple[object, ...]) -> Any:
    try:
        import transformers
    except ImportError:
        raise MissingExtra("This model needs transformers.", fix="Run: pip install 'commonspace[hub]'") from None
    try:
        model, told = getattr(transformers, kind).from_pretrained(
            folder.path,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype="float32",
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"The model in {folder.path} cannot be loaded: {error}.", fix="Download the model again."
        ) from error
    missing = sorted(name for name in told["missing_keys"] if not any(part in name for part in spare))
    if missing:
        raise ModelError(
            f"The model in {folder.path} lacks {len(missing)} of its weights, {missing[0]} among them.",
            fix="Download the model again.",
        )
    return model


def _stamps(folder: CheckpointFolder) -> tuple[tuple[str, int, int, int], ...]:
    """Name, size, time of the last change and place on the disk of each file that a model is made of."""
    files = sorted(path for path in folder.path.iterdir() if path.suffix in {".json", ".safetensors"})
    found = [(path.name, path.stat()) for path in files]
    return tuple((name, state.st_size, state.st_mtime_ns, state.st_ino) for name, state in found)


def _longest(config: Mapping[str, Any], folder: CheckpointFolder) -> int:
    """How many tokens the text tower takes: what its positions hold, or the tokenizer's limit where that is less."""
    text = config.get("text_config") or {}
    positions = int(text.get("max_position_embeddings", 64 if config["model_type"] == "siglip" else 77))
    if config["model_type"] == "altclip":  # its text tower is XLM-RoBERTa, which counts positions from behind padding
        positions -= int(text.get("pad_token_id", 1)) + 1
    told = folder.maybe_json("tokenizer_config.json").get("model_max_length", positions)
    return min(positions, int(told)) if float(told) < 1e6 else positions


def _dimension(config: Mapping[str, Any], folder: CheckpointFolder) -> int:
    text = config.get("text_config") or {}
    found = config.get("projection_dim") or text.get("projection_size") or text.get("hidden_size")
    if config["model_type"] == "siglip":
        found = text.get("projection_size") or text.get("hidden_size", 768)
    if not isinstance(found, int) or found < 1:
        raise ModelError(f"{folder.path} does not say its dimension.", fix="Restore its config.json.")
    return found
