"""Text models that sentence-transformers runs: a folder with ``modules.json``, its pooling and prompts honoured."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, final

import orjson

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.suspicion import missing_weights, require_filled
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Tower

__all__ = ["SentenceFamily", "library_model", "longest_of", "modules_of", "prompt_of", "senses_of"]

VERSION: Final = 1
NAMESPACE: Final = "sentence_transformers."
ENCODERS: Final = {
    "albert",
    "bert",
    "camembert",
    "deberta-v2",
    "distilbert",
    "electra",
    "eurobert",
    "modernbert",
    "mpnet",
    "nomic_bert",
    "roberta",
    "roformer",
    "xlm-roberta",
}
"""Text encoders of transformers without ``modules.json``: the library takes the mean of their tokens."""
FEW_TOKENS: Final = 512
"""What a text is cut at where neither the model nor its tokenizer says."""


@final
class SentenceFamily:
    """One text tower. Queries and passages get the prompts that the model names for them."""

    name = "sentence-transformers"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether it is laid out as that library saves text models, or is an encoder that it takes the mean of."""
        if not folder.has("modules.json"):
            return folder.maybe_json("config.json").get("model_type") in ENCODERS
        return not senses_of(folder) - {Modality.TEXT}

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the modules' configurations, the prompts and the tokenizer; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or a module is none of the library's own.
        """
        modules = modules_of(folder)
        tokens = tokenizer_file(folder)
        most = longest_of(folder)
        prompts = dict(folder.maybe_json("config_sentence_transformers.json").get("prompts") or {})
        files = [folder.file(name) for name in ("modules.json", "config.json") if folder.has(name)]
        for each in modules:
            path = str(each.get("path", ""))
            config = f"{path}/config.json"
            files += [folder.file(config)] if path and folder.has(config) else []
            if not path or any((folder.path / path).glob("*.safetensors")) or any((folder.path / path).glob("*.bin")):
                files += folder.weights(path)
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}
        space = Space(
            name=name,
            dimension=_dimension(folder, modules),
            towers=(Modality.TEXT,),
            composed=(),
            fingerprint=folder.fingerprint(files, {**recipe, "prompts": prompts}),
        )
        passage = TextPreparation(tokens.file, most, prompt_of(prompts, "document", "passage"))
        padding = Padding(token=tokens.padding, most=most)

        def tower(modality: Modality, running: Running) -> Tower:
            return TextTower(running.graph(modality, partial(_module, folder)), passage, padding)

        query = TextPreparation(tokens.file, most, prompt_of(prompts, "query"))
        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.TEXT: passage},
            asking={Modality.TEXT: query} if query != passage else {},
            tower=tower,
        )


def prompt_of(prompts: Mapping[str, Any], *roles: str) -> str:
    """The prompt that the model names for the first of these roles; none where it names none."""
    return next((str(prompts[role]) for role in roles if prompts.get(role)), "")


def modules_of(folder: CheckpointFolder) -> list[dict[str, Any]]:
    """What ``modules.json`` lists, every module one of the library's own; the network alone where there is none.

    Raises:
        ModelError: the list cannot be read, or names code that the model brings itself.
    """
    if not folder.has("modules.json"):
        return [{"path": ""}]
    try:
        modules = orjson.loads(folder.content("modules.json"))
        kinds = [str(each["type"]) for each in modules]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"modules.json in {folder.path} cannot be read: {error}.", fix="Download it again.") from error
    foreign = [kind for kind in kinds if not kind.startswith(NAMESPACE)]
    if foreign or not kinds:
        raise ModelError(
            f"The model in {folder.path} is made of {foreign or 'nothing'}, code that the model brings itself.",
            fix="Use a model whose modules sentence-transformers carries; a model's own code is never run.",
        )
    return [dict(each) for each in modules]


def senses_of(folder: CheckpointFolder) -> set[str]:
    """The modalities that the model's first module says it takes; texts where it says nothing."""
    told = folder.maybe_json("sentence_bert_config.json").get("modality_config")
    return set(told) if isinstance(told, dict) and told else {Modality.TEXT.value}


def longest_of(folder: CheckpointFolder) -> int:
    """How many tokens a text may have: the least of what the network, the model and its tokenizer say."""
    config = folder.json("config.json")
    told = [
        config.get("max_position_embeddings"),
        folder.maybe_json("sentence_bert_config.json").get("max_seq_length"),
        folder.maybe_json("tokenizer_config.json").get("model_max_length"),
    ]
    limits = [int(each) for each in told if isinstance(each, int | float) and 0 < each < 1e6]
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "mpnet"} and isinstance(told[0], int):
        limits.append(told[0] - int(config.get("pad_token_id", 1)) - 1)
    return min(limits, default=FEW_TOKENS)


def _dimension(folder: CheckpointFolder, modules: list[dict[str, Any]]) -> int:
    """What the last module that changes it says, else what the network's width is."""
    for each in reversed(modules):
        config = folder.maybe_json(f"{each['path']}/config.json") if each.get("path") else {}
        found = (
            config.get("out_features") or config.get("embedding_dimension") or config.get("word_embedding_dimension")
        )
        if isinstance(found, int):
            return found
    width = folder.json("config.json").get("hidden_size")
    if isinstance(width, int):
        return width
    raise ModelError(f"{folder.path} does not say its dimension.", fix="Restore its config.json.")


def _module(folder: CheckpointFolder) -> Any:
    model = library_model(folder)
    from commonspace.encode.hub.modules import SentenceNet

    return SentenceNet(model)


def library_model(folder: CheckpointFolder) -> Any:
    """The library's model with the folder's weights, on the processor.

    Raises:
        MissingExtra: sentence-transformers is not installed.
        ModelError: the library cannot make the model of these files.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtra("This model needs sentence-transformers.", fix="pip install 'commonspace[hub]'") from None
    try:
        model = SentenceTransformer(
            str(folder.path),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"The model in {folder.path} cannot be loaded: {error}.", fix="Download the model again."
        ) from error
    network = getattr(model[0], "auto_model", None)
    if network is not None:
        within = str(modules_of(folder)[0].get("path") or "")
        require_filled(folder, missing_weights(network, folder, within))
    return model
