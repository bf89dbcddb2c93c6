"""open_clip's models, read from a folder with ``open_clip_config.json``: plain CLIP, and what that library builds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, final

import orjson

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.openclip_inputs import CLEANINGS, CleanedText, OpenClipPicture, normalisation_of
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.pictures import ImageTower, Normalisation
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Tower

__all__ = ["OpenClipFamily"]

VERSION: Final = 1
CONFIG: Final = "open_clip_config.json"
PREFERRED: Final = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
"""The library's own order, where a folder holds several."""
TIMM_NAME: Final = re.compile(r"[A-Za-z0-9_.]+")
CONTEXT: Final = 77


@final
class OpenClipFamily:
    """Two towers. Texts are padded to the whole context, as the library's tokenizers do."""

    name = "open_clip"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether it is laid out as that library saves models, and not as transformers does as well."""
        also = folder.maybe_json("config.json").get("model_type") and folder.has("preprocessor_config.json")
        return folder.has(CONFIG) and not (also and folder.has("model.safetensors"))

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration and the tokenizer; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or the model needs what is not in its folder.
            MissingExtra: ftfy, which its texts go through, is not installed.
        """
        model, pixels = _configuration(folder)
        if find_spec("ftfy") is None:
            raise MissingExtra("open_clip's texts go through ftfy.", fix="Run: pip install 'commonspace[hub]'")
        foreign = bool(model["text_cfg"].get("hf_tokenizer_name"))
        told = model["text_cfg"].get("tokenizer_kwargs") or {}
        cleaning = _cleaning(told, "whitespace" if foreign else "lower")
        tokens, length = tokenizer_file(folder), int(model["text_cfg"].get("context_length", CONTEXT))
        text = CleanedText(TextPreparation(tokens.file, length), cleaning)
        padding = Padding(token=tokens.padding if foreign else 0, length=length, masked=False)
        picture = OpenClipPicture.read(model, pixels)
        weights = _weights(folder)
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "padding": padding.token}
        space = Space(
            name=name,
            dimension=int(model["embed_dim"]),
            towers=(Modality.TEXT, Modality.IMAGE),
            composed=(Modality.VIDEO,),
            fingerprint=folder.fingerprint([weights, folder.file(CONFIG)], recipe),
        )
        loading = _Loading(folder=folder, weights=weights, normalisation=normalisation_of(pixels))

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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Loading:
    """The model in memory, once for both towers."""

    folder: CheckpointFolder
    weights: Path
    normalisation: Normalisation

    def module(self, modality: Modality) -> Any:
        from commonspace.encode.hub.modules import PictureNet, TextNet

        model = _loaded(self.folder, self.weights)
        return TextNet(model) if modality is Modality.TEXT else PictureNet(model, self.normalisation)


@lru_cache(maxsize=2)
def _loaded(folder: CheckpointFolder, weights: Path) -> Any:
    from commonspace.encode.hub.openclip_modules import OpenClipModel, is_plain, plain_clip

    model, _ = _configuration(folder)
    try:
        if is_plain(model):
            return plain_clip(model, weights).eval()
        return OpenClipModel(_library_s(model, weights)).eval()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(
            f"The model in {folder.path} cannot be loaded: {error}.", fix="Download the model again."
        ) from error


def _library_s(config: Mapping[str, Any], weights: Path) -> Any:
    try:
        from open_clip.coca_model import CoCa
        from open_clip.factory import load_checkpoint
        from open_clip.model import CLIP, CustomTextCLIP
    except ImportError:
        raise MissingExtra(
            "This is no plain CLIP: it runs in open_clip.", fix="Run: pip install open_clip_torch"
        ) from None
    given = orjson.loads(orjson.dumps(config))
    custom = given.pop("custom_text", False)
    kind = (CoCa if "multimodal_cfg" in given else CustomTextCLIP) if custom else CLIP
    model = kind(**given)
    load_checkpoint(model, str(weights), strict=True)
    return model


def _configuration(folder: CheckpointFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    """``model_cfg`` and ``preprocess_cfg``; nothing in them may send the library elsewhere for files."""
    document = folder.json(CONFIG)
    model, pixels = document.get("model_cfg"), document.get("preprocess_cfg") or {}
    halves = [model.get(half) for half in ("vision_cfg", "text_cfg")] if isinstance(model, dict) else [None]
    if not isinstance(model, dict) or not all(isinstance(half, dict) for half in halves) or "embed_dim" not in model:
        raise ModelError(f"{CONFIG} in {folder.path} describes no model.", fix="Download the model again.")
    if "hf_model_name" in model["text_cfg"]:
        raise ModelError(
            f"The texts of {folder.path} are read by {model['text_cfg']['hf_model_name']}, which lies elsewhere.",
            fix="Use its transformers version, or another open_clip model; only files of the folder are read.",
        )
    timm = model["vision_cfg"].get("timm_model_name")
    if timm is not None and not TIMM_NAME.fullmatch(str(timm)):
        raise ModelError(f"'{timm}' is no name of a timm network.", fix="Only files of the folder are read.")
    if timm is not None:
        model = {**model, "vision_cfg": {**model["vision_cfg"], "timm_model_pretrained": False}}
    return model, pixels


def _cleaning(told: Mapping[str, Any], usual: str) -> str:
    cleaning = str(told.get("clean", usual))
    more = sorted(set(told) - {"clean"})
    if more or cleaning not in CLEANINGS:
        raise ModelError(
            f"The tokenizer asks for {', '.join(more) or cleaning}, which is not done here.",
            fix="Use another open_clip model (docs/models.md).",
        )
    return cleaning


def _weights(folder: CheckpointFolder) -> Path:
    found = {file.name: file for file in folder.weights()}
    return next((found[name] for name in PREFERRED if name in found), next(iter(found.values())))
