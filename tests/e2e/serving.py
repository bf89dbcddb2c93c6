"""The real service in a process of its own: started, asked, ended, and seen to have made no error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

__all__ = ["PATIENT", "Served", "serving"]

PATIENT: Final = tuple(f"objectives.{modality}=120000" for modality in ("text", "image", "audio", "video"))
"""Settings for tests of what is answered, not of how soon: nothing is refused because the machine is busy."""

END_SECONDS: Final = 60
"""Against a hang: a service that drains takes a second or two."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running service: its address, its process, its state folder, and the file that its log goes to."""

    url: str
    process: subprocess.Popen[str]
    state: Path
    log: Path


@contextmanager
def serving(folder: Path, *settings: str) -> Iterator[Served]:
    """``commonspace serve`` with its state in a folder, and settings such as ``server.require_keys=true``.

    At the end it must drain and leave with exit code 0, and no line of its log may be an error.
    """
    state, log = folder / "state", folder / "log.jsonl"
    chosen = (f"server.state_folder={state}", *settings)
    command = [sys.executable, "-m", "commonspace", "serve", "--port", "0", "--json"]
    command += [word for setting in chosen for word in ("--set", setting)]
    with log.open("w") as lines, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=lines, text=True) as process:
        try:
            yield Served(url=_announced(process, log)["url"], process=process, state=state, log=log)
        finally:
            process.terminate()
            try:
                code = process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert code == 0, f"the service ended with {code}: {log.read_text()[-4000:]}"
    errors = _errors(log)
    assert errors == [], errors[:20]  # said here too: a benchmark's assertions are not rewritten


def _announced(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """What the service prints when it can be asked."""
    text = ""
    for line in process.stdout or ():
        text += line
        if line.endswith("}\n"):
            announced: dict[str, Any] = json.loads(text)
            return announced
    raise AssertionError(f"the service did not start: {log.read_text()[-4000:]}")


def _errors(log: Path) -> list[str]:
    """Lines of the log that tell of an error, and lines that are no log lines at all, such as a traceback's."""
    lines = log.read_text().splitlines()
    return [line for line in lines if not line.startswith("{") or json.loads(line)["level"] in {"error", "critical"}]
