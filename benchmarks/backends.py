"""Runs sentence-transformers' ONNX and OpenVINO backends, or fastembed, in an environment of their own.

    python backends.py KIND MODEL WORK THREADS      (KIND: onnx, openvino, fastembed)

Optimum wants an older transformers than ours, so these rivals cannot live with us. Lines of JSON come in (``texts``,
``batch``, ``rows``: a file to write them to), and lines go out (``seconds``, ``processor_seconds``, ``peak_bytes``). An
exported model is kept in WORK.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Load, say so, then embed for as long as lines come."""
    kind, model, work, threads = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    answers, sys.stdout = sys.stdout, sys.stderr
    embed = (_fastembed if kind == "fastembed" else _sentences)(kind, model, work, threads)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        start, before = perf_counter(), process_time()
        rows = embed(asked["texts"], asked["batch"])
        told = {"seconds": perf_counter() - start, "processor_seconds": process_time() - before}
        _write(Path(asked["rows"]), rows)
        told["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(told), file=answers, flush=True)


def _write(path: Path, rows: Any) -> None:
    import numpy as np

    np.save(path, np.asarray(rows, dtype=np.float32))


def _sentences(kind: str, model: Path, work: Path, threads: int) -> Callable[[Sequence[str], int], Any]:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    kept = work / f"minilm-{kind}"
    how: dict[str, Any] = {"backend": kind, "device": "cpu"}
    if kind == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        how["model_kwargs"] = {"provider": "CPUExecutionProvider", "session_options": options}
    else:
        how["model_kwargs"] = {"ov_config": {"INFERENCE_NUM_THREADS": str(threads)}}
    loaded = SentenceTransformer(str(kept if kept.exists() else model), **how)
    if not kept.exists():
        draft = kept.with_name(f".{kept.name}.{os.getpid()}")
        loaded.save_pretrained(str(draft))
        draft.replace(kept)
    return lambda texts, batch: loaded.encode(list(texts), batch_size=batch, show_progress_bar=False)


def _fastembed(kind: str, model: Path, work: Path, threads: int) -> Callable[[Sequence[str], int], Any]:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    kept = work / "minilm-onnx"
    if not kept.exists():
        _sentences("onnx", model, work, threads)
    graph = next(path.relative_to(kept) for path in sorted(kept.rglob("*.onnx")))
    TextEmbedding.add_custom_model(
        model=kind,
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(url="https://localhost/none"),
        dim=384,
        model_file=str(graph),
    )
    loaded = TextEmbedding(model_name=kind, specific_model_path=str(kept), threads=threads)
    return lambda texts, batch: list(loaded.embed(list(texts), batch_size=batch))


if __name__ == "__main__":
    main()
