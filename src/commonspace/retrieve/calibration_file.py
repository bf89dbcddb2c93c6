"""A calibration on disk: ``calibration.json`` beside a space's weights, and its banks as NumPy matrices."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.retrieve.calibration import Calibration, Direction, Pair
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.logistic import Logistic

__all__ = ["CALIBRATION_NAME", "read_calibration", "write_calibration"]

CALIBRATION_NAME = "calibration.json"
FORMAT = 1


def read_calibration(folder: Path, dimension: int) -> Calibration:
    """Read a space's calibration, whose files were checked against the manifest.

    Raises:
        ModelError: a file is missing, of another format or dimension, or makes no sense.
    """
    path = folder / CALIBRATION_NAME
    try:
        return _calibration(folder, orjson.loads(path.read_bytes()), dimension)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read as a calibration: {error}.", fix="Restore the space's folder, or calibrate it anew."
        ) from error


def write_calibration(folder: Path, calibration: Calibration) -> dict[str, str]:
    """Write a calibration into a space's folder; returns each file's name and SHA-256, for the manifest.

    Towers with the same matrix share one file; matrices are kept as float16.
    """
    files: dict[str, str] = {}
    matrices: list[Vectors] = []
    banks = {}
    for tower, bank in sorted(calibration.banks.items()):
        place = next((at for at, known in enumerate(matrices) if np.array_equal(known, bank.vectors)), len(matrices))
        name = f"bank_{place}.npy"
        if place == len(matrices):
            matrices.append(bank.vectors)
            np.save(folder / name, bank.vectors.astype(np.float16), allow_pickle=False)
            files[name] = sha256((folder / name).read_bytes()).hexdigest()
        banks[tower.value] = {
            "file": name,
            "estimator": bank.estimator.value,
            "strength": bank.strength,
            "k": bank.k,
            "sharpness": bank.sharpness,
        }
    document = {
        "format": FORMAT,
        "prior": calibration.prior,
        "directions": [_fields(pair, direction) for pair, direction in sorted(calibration.directions.items())],
        "banks": banks,
        "weights": {modality.value: weight for modality, weight in sorted(calibration.weights.items())},
    }
    data = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / CALIBRATION_NAME).write_bytes(data)
    return {CALIBRATION_NAME: sha256(data).hexdigest(), **files}


def _calibration(folder: Path, document: Mapping[str, Any], dimension: int) -> Calibration:
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']} is not {FORMAT}")
    return Calibration(
        prior=float(document["prior"]),
        directions=dict(_direction(each) for each in document["directions"]),
        banks={Modality(name): _bank(folder, each, dimension) for name, each in document["banks"].items()},
        weights={Modality(name): float(weight) for name, weight in document["weights"].items()},
    )


def _direction(record: Mapping[str, Any]) -> tuple[Pair, Direction]:
    slope, threshold = float(record["slope"]), float(record["threshold"])
    if not (0.0 <= slope < np.inf and 0.0 <= threshold <= 1.0 and np.isfinite(float(record["intercept"]))):
        raise ValueError(f"slope {slope} or threshold {threshold} is out of range")
    direction = Direction(
        logistic=Logistic(slope=slope, intercept=float(record["intercept"])),
        threshold=threshold,
        num_queries=int(record["num_queries"]),
        error=None if record["error"] is None else float(record["error"]),
    )
    return (Modality(record["query"]), Modality(record["tower"])), direction


def _fields(pair: Pair, direction: Direction) -> dict[str, Any]:
    query, tower = pair
    return {
        "query": query.value,
        "tower": tower.value,
        "slope": direction.logistic.slope,
        "intercept": direction.logistic.intercept,
        "threshold": direction.threshold,
        "num_queries": direction.num_queries,
        "error": direction.error,
    }


def _bank(folder: Path, record: Mapping[str, Any], dimension: int) -> Bank:
    name = record["file"]
    if Path(name).name != name:
        raise ValueError(f"the bank {name!r} is not a file of the folder")
    rows = np.load(folder / name, allow_pickle=False)
    if rows.ndim != 2 or rows.shape[1] != dimension or rows.dtype != np.float16 or not np.isfinite(rows).all():
        raise ValueError(f"{name} is {rows.dtype} {rows.shape}, not float16 rows of dimension {dimension}")
    return Bank(
        vectors=unit(rows.astype(np.float32)),
        estimator=Estimator(record["estimator"]),
        strength=float(record["strength"]),
        k=int(record["k"]),
        sharpness=float(record["sharpness"]),
    )
