"""A run's manifest: everything that is needed to know what was trained on what, by which code, and how it did."""

import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, final

import orjson

from commonspace.align.figures import Figures
from commonspace.align.gate import Verdict
from commonspace.align.plan import Outcome
from commonspace.align.recipe import Recipe

__all__ = ["MANIFEST", "RunManifest", "code_version", "file_hashes"]

MANIFEST = "manifest.json"
FORMAT = 1
LIBRARIES = ("numpy", "torch", "safetensors", "openvino", "pydantic")
GIT_SECONDS = 10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunManifest:
    """What ``manifest.json`` of a run holds.

    ``data`` and ``probes`` tell digests and counts; ``files`` the SHA-256 of each head; ``facts`` what else was found
    (chosen strengths and alpha, sizes, notes); ``started`` is a moment in UTC, ISO 8601.
    """

    recipe: Recipe
    data: Mapping[str, Any]
    probes: Mapping[str, Mapping[str, Any]]
    outcome: Outcome
    figures: Sequence[Figures]
    verdict: Verdict
    files: Mapping[str, str]
    facts: Mapping[str, Any]
    started: str

    def to_dict(self) -> dict[str, Any]:
        """The document."""
        recipe = asdict(self.recipe)
        del recipe["folder"]
        return {
            "format": FORMAT,
            "name": self.recipe.name,
            "description": self.recipe.description,
            "licence": self.recipe.licence,
            "started": self.started,
            "seed": self.recipe.seed,
            "code": code_version(),
            "libraries": {name: _version(name) for name in LIBRARIES},
            "python": platform.python_version(),
            "platform": platform.machine(),
            "recipe": recipe,
            "losses": recipe["losses"],
            "data": dict(self.data),
            "probes": {name: dict(facts) for name, facts in self.probes.items()},
            "outcome": asdict(self.outcome),
            "figures": [each.to_dict() for each in self.figures],
            "gate": self.verdict.to_dict(),
            "files": dict(self.files),
            "facts": dict(self.facts),
        }

    def write(self, folder: Path) -> None:
        """Write it whole or not at all."""
        partial = folder / f"{MANIFEST}.part"
        partial.write_bytes(orjson.dumps(self.to_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        partial.replace(folder / MANIFEST)


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file under a folder, by path within it."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = file_digest(file, "sha256").hexdigest()
    return found


def code_version() -> dict[str, str | None]:
    """The installed version, and the commit of the checkout the code runs from, if it is one (``+`` where changed)."""
    return {"commonspace": _version("commonspace"), "commit": _commit(Path(__file__).parent)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit(folder: Path) -> str | None:
    git = shutil.which("git")
    if git is None or not any((each / ".git").exists() for each in folder.parents):
        return None
    said = [
        _said(git, folder, "rev-parse", "HEAD"),
        _said(git, folder, "status", "--porcelain", "--", str(folder.parent)),
    ]
    return None if said[0] is None else said[0] + ("+" if said[1] else "")


def _said(git: str, folder: Path, *arguments: str) -> str | None:
    """What git answers, or None where it refuses or takes too long."""
    command = [git, "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
