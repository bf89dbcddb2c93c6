"""Exports a checkpoint whole: itself, or one by one the spaces that it is made of."""

from collections.abc import Callable, Iterator
from pathlib import Path

from commonspace.core.errors import ModelError
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.exports import Export, optimised_folder
from commonspace.encode.hub.optimise import optimise
from commonspace.encode.runtime import Precision

__all__ = ["optimise_parts"]

Say = Callable[[str], None]


def optimise_parts(
    checkpoint: Checkpoint, cache: Path, *, precision: Precision, threads: int | None = None, say: Say | None = None
) -> list[Export]:
    """Export a checkpoint's towers, or its members'; a member that PyTorch does not run is passed over, and said.

    Raises:
        ModelError: a network cannot be exported or is too far from the reference; of several, no member could be.
        MissingExtra: PyTorch is not installed.
    """
    if not checkpoint.members:
        folder = optimised_folder(cache, checkpoint.space.fingerprint)
        return optimise(checkpoint, folder, precision=precision, threads=threads, progress=say)
    found: list[Export] = []
    told: Say = say or _quiet
    for member in {each.space.fingerprint: each for each in _single(checkpoint)}.values():
        told(f"member {member.space.name}")
        try:
            found += optimise_parts(member, cache, precision=precision, threads=threads, say=say)
        except ModelError as error:
            told(f"member {member.space.name} stays as it is: {error.cause}")
    if not found:
        raise ModelError(
            f"No member of '{checkpoint.space.name}' could be exported.",
            fix="Use it as it is; `commonspace models optimize` on a member tells why it could not.",
        )
    return found


def _single(checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """The members that are not made of several; neither embedded spaces nor those of a provider."""
    for member in checkpoint.members:
        if member.members:
            yield from _single(member)
        elif not member.leaves_to and not (member.folder / "manifest.json").is_file():
            yield member


def _quiet(line: str) -> None:
    """Say nothing."""
