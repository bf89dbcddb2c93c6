"""Keeps the figures of parity tests, so that one run of them makes the table of docs/models.md."""

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["check", "record"]

Rows = NDArray[np.float32]
LEAST_COSINE = 1 - 1e-6
MOST_DIFFERENCE = 1e-4


def record(family: str, architecture: str, modality: str, figures: dict[str, float]) -> None:
    """Append a line to the file that COMMONSPACE_PARITY names; without it, do nothing."""
    path = os.environ.get("COMMONSPACE_PARITY")
    if path:
        line = {"family": family, "architecture": architecture, "modality": modality, **figures}
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")


def check(architecture: tuple[str, str, str], reference: Rows, alone: Rows, together: Rows) -> None:
    """Assert that vectors are the library's, alone and together; ``architecture`` is family, name and modality."""
    cosines = (reference.astype(np.float64) * alone).sum(axis=1)
    batch = (np.tile(alone, (len(together) // len(alone), 1)).astype(np.float64) * together).sum(axis=1)
    difference = float(np.abs(reference - alone).max())
    figures = {"least_cosine": float(cosines.min()), "max_difference": difference, "batch_cosine": float(batch.min())}
    record(*architecture, figures)
    assert difference < MOST_DIFFERENCE, figures
    assert batch.min() > LEAST_COSINE, figures
