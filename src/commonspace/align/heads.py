"""Heads: small networks from a tower's features to the shared space, and the folder each is kept in.

A head's output is not normalised; whoever compares it scales it to unit length. Every kind is the same pieces: a *skip*
(an affine map), a *branch* (a small MLP), and for ``gated`` a *gate*::

    identity   x
    linear     skip(x)
    residual   skip(x) + branch(x)
    gated      base + gate(x) branch(x)      the input is [x | base]

    branch(x) = last(h),  h = gelu(first(norm(x))),  then blocks - 1 times  h = h + gelu(linear(norm(h)))
    gate(x)   = sigmoid(w . x + c), one number a row

``norm`` is LayerNorm, ``gelu`` its tanh form, and dropout follows each gelu in training. With ``blocks`` of zero the
branch is ``last(norm(x))``.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import log
from pathlib import Path
from typing import Any, Literal, final, get_args

import numpy as np
import torch
from torch import Tensor, nn

from commonspace.align.posthoc import Affine
from commonspace.core.errors import ModelError, UsageError

__all__ = ["Branch", "Fixed", "Head", "HeadSpec", "build_head", "load_head", "save_head"]

FORMAT = 1
WEIGHTS, DESCRIPTION = "head.safetensors", "head.json"

Kind = Literal["identity", "linear", "residual", "gated"]
Start = Literal["identity", "random", "zero-last", "given"]
Skip = Literal["linear", "identity", "fixed"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """What a head is made of, and where it starts.

    ``hidden``, ``blocks`` and ``dropout`` shape the branch. ``skip`` of a residual head is learned (``linear``), absent
    (``identity``, where the sizes agree) or a given map that stays as it is (``fixed``). ``start``:

    - ``identity``: the skip copies the first features and the branch's last layer is zero, so a linear or residual head
      of equal sizes gives exactly its input;
    - ``given``: as ``identity``, but the skip starts at the map handed to ``build_head``, and learns from there;
    - ``zero-last``: the skip starts at random and the branch's last layer at zero, so the head gives exactly its skip
      (a gated one its base);
    - ``random``: everything starts at random.

    ``base`` is the number of the last inputs that a gated head takes as its base (its outputs are as many), and
    ``gate`` how far the gate is open at the start, above 0 and below 1.
    """

    kind: Kind
    hidden: int = 1024
    blocks: int = 1
    dropout: float = 0.0
    start: Start = "zero-last"
    skip: Skip = "linear"
    base: int = 0
    gate: float = 0.1


@final
class Fixed(nn.Module):
    """An affine map that training leaves as it is: buffers named like a linear layer's weights."""

    weight: Tensor
    bias: Tensor

    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.register_buffer("weight", torch.as_tensor(affine.weight.T, dtype=torch.float32).contiguous())
        self.register_buffer("bias", torch.as_tensor(affine.offset, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Map n x inputs to n x outputs."""
        return nn.functional.linear(x, self.weight, self.bias)


@final
class _Block(nn.Module):
    """One hidden layer with a way around it."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.drop(_gelu(self.linear(self.norm(h))))


@final
class Branch(nn.Module):
    """The small MLP that residual and gated heads learn."""

    def __init__(self, spec: HeadSpec, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        self.first = nn.Linear(inputs, spec.hidden) if spec.blocks else None
        self.drop = nn.Dropout(spec.dropout)
        self.blocks = nn.ModuleList(_Block(spec.hidden, spec.dropout) for _ in range(spec.blocks - 1))
        self.last = nn.Linear(spec.hidden if spec.blocks else inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map n x inputs to n x outputs."""
        h = self.norm(x)
        if self.first is not None:
            h = self.drop(_gelu(self.first(h)))
        for block in self.blocks:
            h = block(h)
        return self.last(h)


@final
class Head(nn.Module):
    """A head of any kind: ``inputs`` features to ``outputs`` numbers, not normalised. Made by ``build_head``."""

    def __init__(self, inputs: int, outputs: int, pieces: dict[str, nn.Module], base: int) -> None:
        super().__init__()
        self.inputs, self.outputs, self.base = inputs, outputs, base
        self.skip = pieces.get("skip")
        self.branch = pieces.get("branch")
        self.gate = pieces.get("gate")

    def forward(self, x: Tensor) -> Tensor:
        """Map n x inputs to n x outputs."""
        if self.gate is not None and self.branch is not None:
            features, base = x[:, : -self.base], x[:, -self.base :]
            return base + self.opening(features) * self.branch(features)
        kept = x if self.skip is None else self.skip(x)
        return kept if self.branch is None else kept + self.branch(x)

    def opening(self, features: Tensor) -> Tensor:
        """How far a gated head's gate is open for each row: n x 1, between 0 and 1; of other heads, ones.

        ``features`` are the input without its base.
        """
        if self.gate is None:
            return features.new_ones(len(features), 1)
        return torch.sigmoid(self.gate(features))


def build_head(
    spec: HeadSpec,
    inputs: int,
    outputs: int,
    *,
    given: Affine | None = None,
    generator: torch.Generator | None = None,
) -> Head:
    """Make a head. The same generator state gives the same head; without one PyTorch's own state is drawn from.

    ``given`` is the map of a ``fixed`` skip or of a ``given`` start, as ``posthoc`` finds it: inputs x outputs.

    Raises:
        UsageError: the sizes do not fit the kind, or a map is missing, unused or of another size.
    """
    _check(spec, inputs, outputs, given)
    pieces: dict[str, nn.Module] = {}
    features = inputs - spec.base
    if spec.kind in {"linear", "residual"} and not (spec.kind == "residual" and spec.skip == "identity"):
        pieces["skip"] = _skip(spec, inputs, outputs, given)
    if spec.kind in {"residual", "gated"}:
        pieces["branch"] = Branch(spec, features, outputs)
    if spec.kind == "gated":
        pieces["gate"] = nn.Linear(features, 1)
    head = Head(inputs, outputs, pieces, spec.base)
    with torch.no_grad():
        _start(head, spec, given, generator)
    return head


def save_head(folder: Path, module: nn.Module, spec: HeadSpec) -> None:
    """Write ``head.safetensors`` (float32) and ``head.json`` (what it is, its sizes, the weights' SHA-256).

    ``commonspace.encode.projection.load_projection`` reads it without PyTorch, ``load_head`` with.

    Raises:
        UsageError: the module is not a head as ``build_head`` makes it of this spec (merge low-rank adapters first).
    """
    from safetensors.torch import save

    if (
        not isinstance(module, Head)
        or module.state_dict().keys() != _blank(spec, module.inputs, module.outputs).state_dict().keys()
    ):
        raise UsageError(
            f"This {type(module).__name__} is not the one that its spec describes.",
            fix="Give the spec that it was built of. Merge its adapters first: `LowRank.merge()`.",
        )

    state = {name: value.detach().to("cpu", torch.float32).contiguous() for name, value in module.state_dict().items()}
    weights = save(state)
    sizes = {"inputs": module.inputs, "outputs": module.outputs}
    told = {"format": FORMAT, "spec": asdict(spec), **sizes, "sha256": sha256(weights).hexdigest()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / DESCRIPTION).write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def load_head(folder: Path) -> tuple[Head, HeadSpec]:
    """Read what ``save_head`` wrote, ready to train on or to use, in training mode.

    Raises:
        ModelError: a file is missing, changed, or not of this format.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        told: dict[str, Any] = json.loads((folder / DESCRIPTION).read_bytes())
        weights = (folder / WEIGHTS).read_bytes()
        if told["format"] != FORMAT or sha256(weights).hexdigest() != told["sha256"]:
            raise ModelError(f"{folder / WEIGHTS} is not what its description says.", fix="Save the head again.")
        spec, inputs, outputs = HeadSpec(**told["spec"]), int(told["inputs"]), int(told["outputs"])
        head = _blank(spec, inputs, outputs)
        head.load_state_dict(load(weights))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, UsageError) as error:
        raise ModelError(f"There is no head to read in {folder}: {error}.", fix="Save it again.") from error
    return head, spec


def _blank(spec: HeadSpec, inputs: int, outputs: int) -> Head:
    """A head of this make, its weights of no account."""
    given = Affine(weight=np.zeros((inputs, outputs)), offset=np.zeros(outputs))
    return build_head(spec, inputs, outputs, given=given if _wants_map(spec) else None)


def _skip(spec: HeadSpec, inputs: int, outputs: int, given: Affine | None) -> nn.Module:
    if spec.skip == "fixed" and spec.kind == "residual" and given is not None:
        return Fixed(given)
    return nn.Linear(inputs, outputs)


def _start(head: Head, spec: HeadSpec, given: Affine | None, generator: torch.Generator | None) -> None:
    for layer in head.modules():
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.uniform_(-bound, bound, generator=generator)
    if isinstance(head.skip, nn.Linear) and spec.start == "identity":
        nn.init.eye_(head.skip.weight)
        head.skip.bias.zero_()
    if isinstance(head.skip, nn.Linear) and spec.start == "given" and given is not None:
        head.skip.weight.copy_(torch.as_tensor(given.weight.T))
        head.skip.bias.copy_(torch.as_tensor(given.offset))
    if isinstance(head.branch, Branch) and spec.start != "random":
        head.branch.last.weight.zero_()
        head.branch.last.bias.zero_()
    if isinstance(head.gate, nn.Linear):
        head.gate.weight.zero_()
        head.gate.bias.fill_(log(spec.gate / (1 - spec.gate)))


def _wants_map(spec: HeadSpec) -> bool:
    fixed = spec.kind == "residual" and spec.skip == "fixed"
    return fixed or (spec.start == "given" and spec.kind in {"linear", "residual"} and spec.skip != "identity")


def _check(spec: HeadSpec, inputs: int, outputs: int, given: Affine | None) -> None:
    wrong = None
    plain = spec.kind == "identity" or (spec.kind == "residual" and spec.skip == "identity")
    if spec.kind not in get_args(Kind) or spec.start not in get_args(Start) or spec.skip not in get_args(Skip):
        wrong = f"there is no such kind, start or skip as '{spec.kind}', '{spec.start}', '{spec.skip}'"
    elif min(inputs, outputs, spec.hidden) < 1 or spec.blocks < 0 or not 0 <= spec.dropout < 1:
        wrong = "its sizes must be above zero and its dropout in 0..1"
    elif plain and inputs != outputs:
        wrong = f"it copies its input, so {inputs} inputs cannot give {outputs} outputs"
    elif spec.kind == "gated" and not spec.base == outputs < inputs:
        wrong = f"its base ({spec.base}) must be its outputs ({outputs}), fewer than its {inputs} inputs"
    elif spec.kind == "gated" and not 0 < spec.gate < 1:
        wrong = f"its gate ({spec.gate}) must be above 0 and below 1"
    elif spec.kind != "gated" and spec.base:
        wrong = "only a gated head takes a base"
    elif _wants_map(spec) != (given is not None):
        wrong = "it lacks the map it starts from" if given is None else "it has no use for a given map"
    elif given is not None and given.weight.shape != (inputs, outputs):
        wrong = f"the given map is {given.weight.shape}, not {(inputs, outputs)}"
    if wrong:
        raise UsageError(f"A {spec.kind} head cannot be built: {wrong}.", fix="Change its spec or its sizes.")


def _gelu(x: Tensor) -> Tensor:
    return nn.functional.gelu(x, approximate="tanh")
