"""A fusion as a folder: what it is made of in JSON, its weights in safetensors; and how each kind is built and starts.

Every kind starts as the plain sum of the parts' unit vectors: what training adds is what it learned.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, final

import torch
from torch import nn

from commonspace.align.fusion import Early, Hybrid, Late
from commonspace.align.heads import HeadSpec
from commonspace.core.errors import ModelError, UsageError

__all__ = ["FusionSpec", "build_fusion", "load_fusion", "save_fusion"]

FORMAT = 1
WEIGHTS, DESCRIPTION = "fusion.safetensors", "fusion.json"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FusionSpec:
    """What a fusion of vectors of one space is made of: its kind, its parts in order, the space's dimension.

    ``weights`` are those of a late one, by part; ``hidden`` and ``dropout`` shape the networks of the other two.
    """

    kind: Literal["late", "early", "hybrid"]
    parts: tuple[str, ...]
    dimension: int
    hidden: int = 256
    dropout: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)


def build_fusion(spec: FusionSpec, *, generator: torch.Generator | None = None) -> nn.Module:
    """A fusion at its start: where every part is a unit vector it gives their weighed (late) or plain sum.

    Raises:
        UsageError: there is no such kind, or a late one's weights do not name its parts.
    """
    match spec.kind:
        case "late":
            if set(spec.weights) != set(spec.parts):
                raise UsageError(
                    f"The weights are of {', '.join(spec.weights) or 'nothing'}, the parts {', '.join(spec.parts)}.",
                    fix="Give each part a weight.",
                )
            return Late({name: spec.weights[name] for name in spec.parts})
        case "early":
            head = HeadSpec(kind="residual", hidden=spec.hidden, dropout=spec.dropout)
            early = Early(dict.fromkeys(spec.parts, spec.dimension), spec.dimension, head, generator=generator)
            _start_at_sum(early, spec)
            return early
        case "hybrid":
            return Hybrid(spec.parts, spec.dimension, hidden=spec.hidden, dropout=spec.dropout, generator=generator)
        case _:
            raise UsageError(f"There is no fusion '{spec.kind}'.", fix="Use late, early or hybrid.")


def save_fusion(folder: Path, module: nn.Module, spec: FusionSpec) -> None:
    """Write ``fusion.safetensors`` (empty for a late one, whose weights are in the JSON) and ``fusion.json``."""
    from safetensors.torch import save

    state = {name: value.detach().to("cpu", torch.float32).contiguous() for name, value in module.state_dict().items()}
    weights = save(state)
    told = {"format": FORMAT, "spec": asdict(spec), "sha256": sha256(weights).hexdigest()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / DESCRIPTION).write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def load_fusion(folder: Path) -> tuple[nn.Module, FusionSpec]:
    """Read what ``save_fusion`` wrote, in evaluation mode: call it with parts and masks as in ``align.fusion``.

    Raises:
        ModelError: a file is missing, changed, or not of this format.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        told: dict[str, Any] = json.loads((folder / DESCRIPTION).read_bytes())
        weights = (folder / WEIGHTS).read_bytes()
        if told["format"] != FORMAT or sha256(weights).hexdigest() != told["sha256"]:
            raise ModelError(f"{folder / WEIGHTS} is not what its description says.", fix="Save the fusion again.")
        spec = FusionSpec(**{**told["spec"], "parts": tuple(told["spec"]["parts"])})
        module = build_fusion(spec)
        module.load_state_dict(load(weights))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, UsageError) as error:
        raise ModelError(f"There is no fusion to read in {folder}: {error}.", fix="Save it again.") from error
    return module.eval(), spec


def _start_at_sum(early: Early, spec: FusionSpec) -> None:
    """Let the head's skip add the parts up; its branch gives zero at the start."""
    skip = early.head.skip
    if not isinstance(skip, nn.Linear):
        raise UsageError("An early fusion's head has no skip to start from.", fix="Build it as a residual head.")
    with torch.no_grad():
        copies = torch.eye(spec.dimension).repeat(1, len(spec.parts))
        skip.weight.copy_(torch.cat([copies, torch.zeros(spec.dimension, len(spec.parts))], dim=1))
        skip.bias.zero_()
