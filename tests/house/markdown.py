"""What the project's pages say to type: the commands and the Python in their fenced blocks."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

__all__ = ["blocks", "commands", "pages"]

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELLS = {"bash", "console", "sh", "shell"}
STOPS = {"|", ";", "&&", ">", ">>", "<", "2>"}


def pages(root: Path) -> list[Path]:
    """The README and everything under ``docs``."""
    return [*sorted(root.glob("README.md")), *sorted((root / "docs").rglob("*.md"))]


def blocks(text: str, *languages: str) -> list[str]:
    """The contents of the fenced blocks in some languages, in order."""
    return [body for language, body in FENCE.findall(text) if language in languages]


def commands(text: str) -> list[list[str]]:
    """Every ``commonspace`` command in the shell blocks, as arguments after the name."""
    lines = "\n".join(blocks(text, *SHELLS)).replace("\\\n", " ").splitlines()
    words = (shlex.split(line.removeprefix("$ "), comments=True) for line in lines if "commonspace " in line)
    return [command for line in words for command in _split(line)]


def _split(words: list[str]) -> Iterator[list[str]]:
    """One line's words hold several commands where the shell joins them."""
    command: list[str] = []
    for word in [*words, ";"]:
        if word in STOPS or word.endswith(";"):
            command += [word.rstrip(";")] if word.endswith(";") and word != ";" else []
            if command[:1] == ["commonspace"]:
                yield command[1:]
            command = []
        else:
            command.append(word)
