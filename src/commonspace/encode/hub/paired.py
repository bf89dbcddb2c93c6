"""A folder of files that belong together by their stem: ``dog.png``, ``dog.txt`` and ``dog.wav`` are one row."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from commonspace.core.errors import ItemError, UsageError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.ingest.decode import decode_value
from commonspace.ingest.plan import Plan

__all__ = ["paired_contents"]

LEAST_ROWS = 8


def paired_contents(folder: Path, towers: Sequence[Modality], plan: Plan) -> Mapping[Modality, list[Content]]:
    """The contents of every stem that has a file of each tower's modality, row by row; one tower needs no partner.

    Raises:
        UsageError: fewer than eight stems have one of each.
    """
    folder = folder.expanduser()
    rows: dict[str, dict[Modality, Content]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        try:
            pieces = decode_value(path, plan).pieces
        except ItemError:
            continue
        for piece in pieces[:1]:
            rows.setdefault(path.relative_to(folder).with_suffix("").as_posix(), {})[piece.modality] = piece.content
    whole = [row for row in rows.values() if set(towers) <= set(row)]
    if len(whole) < LEAST_ROWS:
        raise UsageError(
            f"{folder} has {len(whole)} rows with {' and '.join(towers)}; at least {LEAST_ROWS} are needed.",
            fix="Put files that belong together there under one name each: dog.png and dog.txt.",
        )
    return {modality: [row[modality] for row in whole] for modality in towers}
