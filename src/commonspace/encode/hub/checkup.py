"""A model examined on this machine: its health on sample contents and its speed, measured once and kept."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import orjson
from numpy.typing import NDArray

from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.encode.hub.health import Finding, Vitals, across, vitals_of, warnings_of
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.tower import Tower

__all__ = ["Checkup", "Pace", "Subject", "examine", "kept_checkup", "machine"]

FORMAT: Final = 1
BATCHES: Final = (8, 32)
SECONDS: Final = 0.6
"""How long one batch size is tried, at least twice."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One tower's speed: milliseconds for one content that is ready for it, and contents a second in the best batch."""

    single_milliseconds: float
    best_batch: int
    best_a_second: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What was measured of each tower here, and what is wrong with the model."""

    machine: str
    vitals: Mapping[Modality, Vitals]
    paces: Mapping[Modality, Pace]
    warnings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {
            "machine": self.machine,
            "vitals": {modality.value: asdict(each) for modality, each in self.vitals.items()},
            "speed": {modality.value: asdict(each) for modality, each in self.paces.items()},
            "warnings": [asdict(each) for each in self.warnings],
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom to examine: ``state`` is all that moves vectors or speed (fingerprint, arithmetic, threads, export).

    ``audio_rate`` is in hertz, the rate that sounds reach the model with.
    """

    towers: tuple[Modality, ...]
    tower: Callable[[Modality], Tower]
    state: str
    audio_rate: int


def machine() -> str:
    """The processor and how many of its threads this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {len(os.sched_getaffinity(0))} threads"


def kept_checkup(cache: Path, state: str) -> Checkup | None:
    """What was measured before of a model in this state on this machine; None where nothing was."""
    try:
        told = orjson.loads(_place(cache, state).read_bytes())
        if told["format"] != FORMAT:
            return None
        return Checkup(
            machine=told["machine"],
            vitals={Modality(name): Vitals(**each) for name, each in told["vitals"].items()},
            paces={Modality(name): Pace(**each) for name, each in told["speed"].items()},
            warnings=tuple(Finding(**each) for each in told["warnings"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def examine(subject: Subject, cache: Path, progress: Callable[[str], None] | None = None) -> Checkup:
    """Measure every tower on sample contents, and keep the figures under ``cache``.

    Raises:
        ModelError: a tower cannot be loaded.
        MissingExtra: what runs it is not installed.
    """
    rows: dict[Modality, NDArray[np.floating]] = {}
    vitals, paces, findings = {}, {}, []
    for modality in subject.towers:
        contents = _samples(modality, subject.audio_rate)
        if not contents:
            continue
        if progress is not None:
            progress(f"{modality}: measuring")
        tower = subject.tower(modality)
        together = tower.encode([tower.prepare(each) for each in contents])
        alone, again = (_alone(tower, contents) for _ in range(2))
        vitals[modality] = vitals_of(together, alone=alone, again=again)
        paces[modality] = _pace(tower, contents)
        rows[modality] = together
        findings += warnings_of(modality.value, vitals[modality])
    findings += across({modality.value: each for modality, each in rows.items()})
    checkup = Checkup(machine=machine(), vitals=vitals, paces=paces, warnings=tuple(findings))
    _keep(checkup, _place(cache, subject.state))
    return checkup


def _samples(modality: Modality, audio_rate: int) -> list[Content]:
    """Sample contents; none for modalities that there are no samples of."""
    try:
        return sample_contents(modality, audio_rate)
    except ValueError:
        return []


def _alone(tower: Tower, contents: Sequence[Content]) -> NDArray[np.floating]:
    """Each content prepared and encoded by itself: a preparation that crops at random shows here."""
    return np.concatenate([tower.encode([tower.prepare(each)]) for each in contents])


def _pace(tower: Tower, contents: Sequence[Content]) -> Pace:
    features = [tower.prepare(each) for each in contents]
    one = features[0]
    single = _seconds(lambda: tower.encode([one]))
    rates = {1: 1 / single}
    for num in BATCHES:
        batch = [features[place % len(features)] for place in range(num)]
        rates[num] = num / _seconds(lambda batch=batch: tower.encode(batch))  # type: ignore[misc]
    best = max(rates, key=lambda num: rates[num])
    return Pace(single_milliseconds=1000 * single, best_batch=best, best_a_second=rates[best])


def _seconds(run: Callable[[], object]) -> float:
    """The least time of a few runs."""
    times: list[float] = []
    while len(times) < 2 or (sum(times) < SECONDS and len(times) < 20):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return max(min(times), 1e-9)


def _place(cache: Path, state: str) -> Path:
    name = blake2b(f"{FORMAT}\0{state}\0{machine()}".encode(), digest_size=16).hexdigest()
    return cache / "checkups" / f"{name}.json"


def _keep(checkup: Checkup, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(orjson.dumps({"format": FORMAT, **checkup.to_dict()}, option=orjson.OPT_INDENT_2))
    draft.replace(path)
