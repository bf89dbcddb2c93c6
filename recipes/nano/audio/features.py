"""Run the frozen trunk over every labelled patch once, through OpenVINO, and keep what it says on disk.

The trunk never changes, so training the head needs only these features: this is what makes the recipe cheap.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from recipes.nano.audio.export import write_graph
from recipes.nano.audio.student import Trunk

__all__ = ["extract", "features_of"]

BATCH = 64


def extract(labels: Path, folder: Path) -> Iterator[str]:
    """Write ``folder/<shard>.npy`` (n x features, float16) for each shard of ``labels``; yields the shards' names."""
    graph = folder / "trunk.onnx"
    write_graph(Trunk(), graph, outputs=("features",))
    trunk = openvino.Core().compile_model(str(graph), "CPU", {"INFERENCE_NUM_THREADS": 2})
    for shard in sorted(labels.glob("*.npz")):
        if not features_of(shard, folder).exists():
            with np.load(shard) as held:
                patches = held["patches"]
            np.save(features_of(shard, folder), _run(trunk, patches))
        yield shard.stem


def features_of(shard: Path, folder: Path) -> Path:
    """Where the features of one shard are kept."""
    return folder / f"{shard.stem}.npy"


def _run(trunk: openvino.CompiledModel, patches: NDArray[np.float16]) -> NDArray[np.float16]:
    batches = range(0, len(patches), BATCH)
    return np.concatenate([trunk(patches[i : i + BATCH].astype(np.float32))[0].astype(np.float16) for i in batches])
