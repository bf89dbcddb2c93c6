"""Runs a checkpoint's network: in PyTorch as it is, or as it was exported for OpenVINO before."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import MissingExtra
from commonspace.encode.hub.exports import export_of
from commonspace.encode.runtime import Graph, Precision, load_graph

__all__ = ["Running", "TorchGraph", "require_torch"]

Arrays = Mapping[str, NDArray[np.generic]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How a network runs. ``optimised`` is a folder with one graph a modality, as an export leaves it.

    ``precision`` is what was asked for; where nobody asked, what the export was accepted with. ``cache`` is where the
    exports of all models lie; with ``exporting`` those are made at first use that are not there yet. ``wrap`` makes the
    graph of a module in another way than ``TorchGraph``. ``remote`` says that a person allowed what is embedded to
    leave this machine.
    """

    precision: Precision | None = None
    threads: int | None = None
    optimised: Path | None = None
    cache: Path | None = None
    exporting: bool = False
    wrap: Callable[[Any], Graph] | None = None
    remote: bool = False

    def graph(self, modality: str, module: Callable[[], Any]) -> Graph:
        """The modality's graph: the optimised one where there is one, else the PyTorch module in eager mode."""
        ready = self._ready(self.optimised, modality) if self.optimised is not None else None
        if ready is not None:
            return ready
        if self.wrap is not None:
            return self.wrap(module())
        return TorchGraph(module(), precision=self.precision or Precision.F32, threads=self.threads)

    def _ready(self, folder: Path, modality: str) -> Graph | None:
        """The graph in a folder of exports; None where there is none, or PyTorch was found to be quicker."""
        told, path = export_of(folder, modality), folder / f"{modality}.xml"
        if not path.is_file() or (told is not None and not told.kept):
            return None
        accepted = Precision(told.precision) if told is not None else Precision.F32
        return load_graph(path, precision=self.precision or accepted, threads=self.threads)


@final
class TorchGraph:
    """A PyTorch module that takes named arrays and gives one row each, on the GPU where there is one."""

    def __init__(self, module: Any, *, precision: Precision, threads: int | None) -> None:
        torch = require_torch()
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
        self._dtype = torch.bfloat16 if precision is Precision.BF16 else torch.float32
        self._module = module.eval().to(self._device)

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, NDArray[np.float32]]]:
        """Run every batch, one after another; answers are in order."""
        return [{"embedding": self._run(batch)} for batch in batches]

    def _run(self, batch: Arrays) -> NDArray[np.float32]:
        torch = self._torch
        given = {name: torch.from_numpy(np.ascontiguousarray(array)).to(self._device) for name, array in batch.items()}
        half = self._dtype is torch.bfloat16
        with torch.inference_mode(), torch.autocast(self._device, self._dtype, enabled=half):
            rows: NDArray[np.float32] = self._module(**given).float().cpu().numpy()
        return rows


def require_torch() -> Any:
    """PyTorch.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra(
            "This model runs in PyTorch.", fix="Run: pip install 'commonspace[hub]' (and torch for your machine)"
        ) from None
    return torch
