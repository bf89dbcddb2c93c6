"""The text tower is all-MiniLM-L6-v2, with mean pooling and unit length inside the graph."""

import json
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from recipes.nano.graph import FLOAT, INT64, Graph
from recipes.nano.halve import halve

__all__ = ["MAX_TOKENS", "text_tokenizer", "text_tower"]

MAX_TOKENS = 256
NUM_LAYERS = 6
NUM_HEADS = 12
WIDTH = 384
HEAD_WIDTH = WIDTH // NUM_HEADS
NORM_EPSILON = 1e-12
RUN, LEVELS = 64, 127
MASKED = -1e9
"""Added to the score of a padded token: its softmax is exactly zero in float32 and in bfloat16."""

Weights = dict[str, NDArray[np.float32]]


def text_tokenizer(model_folder: Path) -> str:
    """Return the reference's tokenizer as JSON, cut at `MAX_TOKENS` word pieces, without padding."""
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n"


def text_tower(model_folder: Path) -> onnx.ModelProto:
    """Build the graph from the reference's safetensors: int8 words, float16 matrices, float32 arithmetic."""
    weights = load_file(model_folder / "model.safetensors")
    graph = Graph()
    hidden = _embed(graph, weights)
    bias = _mask_bias(graph)
    for layer in range(NUM_LAYERS):
        hidden = _layer(graph, weights, f"encoder.layer.{layer}", hidden, bias)
    embedding = graph.unit(_mean_over_mask(graph, hidden))
    model = graph.model(
        inputs=[("input_ids", INT64, ["batch", "tokens"]), ("attention_mask", INT64, ["batch", "tokens"])],
        outputs={embedding: ("embedding", FLOAT, ["batch", WIDTH])},
        notes="all-MiniLM-L6-v2: token ids to unit vectors",
    )
    return halve(model)


def _embed(graph: Graph, weights: Weights) -> str:
    positions = weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
    positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
    looked_up = _look_up(graph, weights["embeddings.word_embeddings.weight"])
    num_tokens = graph.add("Shape", "input_ids", start=1, end=2)
    placed = graph.add("Slice", graph.weight("positions", positions), graph.ints(0), num_tokens, graph.ints(0))
    return _norm(graph, weights, "embeddings.LayerNorm", graph.add("Add", looked_up, placed))


def _look_up(graph: Graph, table: NDArray[np.float32]) -> str:
    """Look words up in a table of int8, each run of `RUN` numbers of a word with a scale of its own."""
    runs = table.reshape(len(table), -1, RUN)
    scales = (np.abs(runs).max(axis=2) / LEVELS).astype(np.float16).astype(np.float32)
    levels = np.rint(runs / np.maximum(scales, np.finfo(np.float16).tiny)[:, :, None]).clip(-LEVELS, LEVELS)
    coarse = graph.add(
        "Gather", graph.weight("words", levels.reshape(table.shape).astype(np.int8)), "input_ids", axis=0
    )
    scale = graph.add("Gather", graph.weight("scales", scales), "input_ids", axis=0)
    split = graph.add("Reshape", graph.add("Cast", coarse, to=FLOAT), graph.ints(0, 0, WIDTH // RUN, RUN))
    scaled = graph.add("Mul", split, graph.add("Unsqueeze", scale, graph.ints(3)))
    return graph.add("Reshape", scaled, graph.ints(0, 0, WIDTH))


def _mask_bias(graph: Graph) -> str:
    mask = graph.add("Cast", "attention_mask", to=FLOAT)
    hidden = graph.add("Sub", graph.scalar(1.0), mask)
    return graph.add("Unsqueeze", graph.add("Mul", hidden, graph.scalar(MASKED)), graph.ints(1, 2))


def _layer(graph: Graph, weights: Weights, name: str, hidden: str, bias: str) -> str:
    attended = _linear(graph, weights, f"{name}.attention.output.dense", _attend(graph, weights, name, hidden, bias))
    hidden = _norm(graph, weights, f"{name}.attention.output.LayerNorm", graph.add("Add", attended, hidden))
    inner = graph.add("Gelu", _linear(graph, weights, f"{name}.intermediate.dense", hidden))
    outer = _linear(graph, weights, f"{name}.output.dense", inner)
    return _norm(graph, weights, f"{name}.output.LayerNorm", graph.add("Add", outer, hidden))


def _attend(graph: Graph, weights: Weights, name: str, hidden: str, bias: str) -> str:
    query, key, value = (
        graph.add("Reshape", _linear(graph, weights, f"{name}.attention.self.{part}", hidden), _heads(graph))
        for part in ("query", "key", "value")
    )
    query = graph.add("Transpose", query, perm=[0, 2, 1, 3])
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 2, 3, 1]))
    scaled = graph.add("Mul", scores, graph.scalar(HEAD_WIDTH**-0.5))
    shares = graph.add("Softmax", graph.add("Add", scaled, bias), axis=-1)
    mixed = graph.add("MatMul", shares, graph.add("Transpose", value, perm=[0, 2, 1, 3]))
    return graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), graph.ints(0, 0, WIDTH))


def _heads(graph: Graph) -> str:
    return graph.ints(0, 0, NUM_HEADS, HEAD_WIDTH)


def _mean_over_mask(graph: Graph, hidden: str) -> str:
    mask = graph.add("Cast", graph.add("Unsqueeze", "attention_mask", graph.ints(2)), to=FLOAT)
    total = graph.add("ReduceSum", graph.add("Mul", hidden, mask), graph.ints(1), keepdims=0)
    count = graph.add("ReduceSum", mask, graph.ints(1), keepdims=0)
    return graph.add("Div", total, graph.add("Max", count, graph.scalar(1e-9)))


def _linear(graph: Graph, weights: Weights, name: str, value: str) -> str:
    return graph.dense(value, name, weights[f"{name}.weight"].T, weights[f"{name}.bias"])


def _norm(graph: Graph, weights: Weights, name: str, value: str) -> str:
    scale = graph.weight(f"{name}.weight", weights[f"{name}.weight"])
    shift = graph.weight(f"{name}.bias", weights[f"{name}.bias"])
    return graph.add("LayerNormalization", value, scale, shift, axis=-1, epsilon=NORM_EPSILON)
