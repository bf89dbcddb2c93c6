"""The contenders of ``benchmarks.checkpoints``: the product as a person calls it, and what one would write instead.

All get encoded bytes (JPEG, WAV) or texts and answer with unit rows. Libraries run as their documentation shows: their
own processors, as many items at a time as a trial says. Nothing heavy is imported before a contender is made.
"""

import io
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import IO, Any, final

import numpy as np
from numpy.typing import NDArray

from benchmarks.published_sizes import END
from benchmarks.rivals import Contender, Pass, Trial
from commonspace.core.item import Content
from commonspace.core.modality import Modality

__all__ = ["Elsewhere", "InBatches", "library", "open_clip", "ours", "sentences", "tower_alone"]

Rows = NDArray[np.float32]
Encoded = Sequence[Any]


@final
class InBatches:
    """A call that embeds a few items; decoding, preparing and computing are one."""

    def __init__(self, embed: Callable[[Encoded], Rows]) -> None:
        self._embed = embed

    def run(self, items: Sequence[Content], trial: Trial) -> Pass:
        """Embed all items, so many a call."""
        started = perf_counter()
        starts = range(0, len(items), trial.batch)
        rows = np.concatenate([self._embed(items[start : start + trial.batch]) for start in starts])
        return Pass(rows=rows, prepare_seconds=0.0, encode_seconds=perf_counter() - started)


def ours(folder: Path, cache: Path, *, threads: int, precision: str = "auto") -> Contender:
    """``commonspace.load(folder).embed``."""
    return InBatches(_loaded(folder, cache, threads=threads, precision=precision).embed)


def tower_alone(folder: Path, cache: Path, *, threads: int) -> Contender:
    """The same, with content that is decoded and prepared before the clock starts."""
    return _TowerAlone(_loaded(folder, cache, threads=threads, precision="auto"))


@final
class _TowerAlone:
    def __init__(self, embedder: Any) -> None:
        self._embedder = embedder
        self._pieces: dict[int, Any] = {}

    def run(self, items: Sequence[Content], trial: Trial) -> Pass:
        """Encode all items; each is prepared once and remembered."""
        for place, item in enumerate(items):
            if place not in self._pieces:
                (self._pieces[place],) = self._embedder.preparer.value(item).pieces
        pieces = [self._pieces[place] for place in range(len(items))]
        started = perf_counter()
        starts = range(0, len(pieces), trial.batch)
        rows = np.concatenate([self._embedder.encode(pieces[start : start + trial.batch]) for start in starts])
        return Pass(rows=rows, prepare_seconds=0.0, encode_seconds=perf_counter() - started)


def _loaded(folder: Path, cache: Path, *, threads: int, precision: str) -> Any:
    import commonspace
    from commonspace.serve.settings import Settings

    flags = {"cache_folder": cache, "threads": threads, "precision": precision}
    return commonspace.load(str(folder), Settings.load(flags))


def library(folder: Path, modality: Modality, *, threads: int, dtype: str = "float32") -> Contender:
    """The model and the processor of transformers, in PyTorch eager."""
    import torch
    from transformers import AutoModel

    torch.set_num_threads(threads)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=getattr(torch, dtype)).eval()
    inputs = {Modality.TEXT: _tokens, Modality.IMAGE: _pixels, Modality.AUDIO: _log_mels}[modality](folder, model)
    get = {
        Modality.TEXT: "get_text_features",
        Modality.IMAGE: "get_image_features",
        Modality.AUDIO: "get_audio_features",
    }

    def embed(items: Encoded) -> Rows:
        with torch.inference_mode():
            given = {name: _cast(value, model.dtype) for name, value in inputs(items).items()}
            answer = getattr(model, get[modality])(**given)
            rows = answer if torch.is_tensor(answer) else answer.pooler_output
            return np.asarray(torch.nn.functional.normalize(rows.float(), dim=-1).numpy())

    return InBatches(embed)


def sentences(folder: Path, *, threads: int, dtype: str = "float32") -> Contender:
    """SentenceTransformer's ``encode`` over the same weights."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": dtype})
    return InBatches(
        lambda texts: np.asarray(
            model.encode(list(texts), batch_size=max(1, len(texts)), show_progress_bar=False), dtype=np.float32
        )
    )


def open_clip(folder: Path, modality: Modality, *, threads: int) -> Contender:
    """open_clip's ViT-B-32 with the same weights; torchvision, where there is none, is stood in for with Pillow."""
    import torch
    from PIL import Image

    from benchmarks.open_clip_weights import as_open_clip
    from tests.hub.openclip_library import open_clip as imported

    library_of = imported()
    torch.set_num_threads(threads)
    model = library_of.create_model("ViT-B-32-quickgelu", pretrained=None)
    model.text_pool_type, model.text_eos_id = "eos", END  # its own tokens end with the highest number, ours do not
    model.load_state_dict(as_open_clip(folder), strict=False)
    model.eval()
    prepare = library_of.transform.image_transform_v2(
        library_of.transform.PreprocessCfg(**model.visual.preprocess_cfg), is_train=False
    )
    tokens = _tokens(folder, None)

    def embed(items: Encoded) -> Rows:
        with torch.inference_mode():
            if modality is Modality.IMAGE:
                pictures = torch.stack([prepare(Image.open(io.BytesIO(data))) for data in items])
                return np.asarray(model.encode_image(pictures, normalize=True).numpy())
            ids = tokens(items)["input_ids"]
            padded = torch.nn.functional.pad(ids, (0, model.context_length - ids.shape[1]))
            return np.asarray(model.encode_text(padded, normalize=True).numpy())

    return InBatches(embed)


@final
class Elsewhere:
    """A rival in an environment of its own, by ``benchmarks/backends.py``; its seconds are those that it tells."""

    def __init__(self, python: Path, kind: str, model: Path, work: Path, *, threads: int) -> None:
        script = Path(__file__).with_name("backends.py")
        self._rows = work / f".rows-{kind}.npy"
        self._process = subprocess.Popen(
            [str(python), "-I", str(script), kind, str(model), str(work), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def run(self, items: Sequence[Content], trial: Trial) -> Pass:
        """Embed all texts."""
        asked = {"texts": list(items), "batch": trial.batch, "rows": str(self._rows)}
        print(json.dumps(asked), file=_line(self._process.stdin), flush=True)
        told = self._answer()
        return Pass(
            rows=np.load(self._rows, allow_pickle=False),
            prepare_seconds=0.0,
            encode_seconds=told["seconds"],
            processor_seconds=told["processor_seconds"],
            peak_bytes=told["peak_bytes"],
        )

    def _answer(self) -> dict[str, Any]:
        line = _line(self._process.stdout).readline()
        if not line:
            raise SystemExit("a rival's process ended early; what it said stands above")
        found: dict[str, Any] = json.loads(line)
        return found


def _line(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise SystemExit("a rival's process has no pipe")
    return pipe


def _cast(value: Any, dtype: Any) -> Any:
    return value.to(dtype) if value.is_floating_point() else value


def _tokens(folder: Path, model: Any) -> Callable[[Encoded], dict[str, Any]]:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    fixed = model is not None and model.config.model_type == "siglip"
    padding, wanted = "max_length" if fixed else True, ("input_ids",) if fixed else ("input_ids", "attention_mask")

    def inputs(items: Encoded) -> dict[str, Any]:
        given = tokenizer(list(items), truncation=True, padding=padding, return_tensors="pt")
        return {name: given[name] for name in wanted}

    return inputs


def _pixels(folder: Path, model: Any) -> Callable[[Encoded], dict[str, Any]]:
    from PIL import Image
    from transformers import AutoImageProcessor

    del model
    processor: Any = AutoImageProcessor.from_pretrained(folder)

    def inputs(items: Encoded) -> dict[str, Any]:
        pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in items]
        return {"pixel_values": processor(images=pictures, return_tensors="pt")["pixel_values"]}

    return inputs


def _log_mels(folder: Path, model: Any) -> Callable[[Encoded], dict[str, Any]]:
    import soundfile
    from transformers import AutoFeatureExtractor

    del model
    extractor: Any = AutoFeatureExtractor.from_pretrained(folder)

    def inputs(items: Encoded) -> dict[str, Any]:
        heard = [soundfile.read(io.BytesIO(data), dtype="float32")[0] for data in items]
        given = extractor(heard, sampling_rate=extractor.sampling_rate, return_tensors="pt")
        return {name: given[name] for name in ("input_features", "is_longer")}

    return inputs
