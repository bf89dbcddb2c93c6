"""Int8 copies of checkpoints, as ``models optimize --precision int8`` leaves them: a family around another."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, final

from blake3 import blake3

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode.hub.checkpoint import Checkpoint, Family
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running
from commonspace.encode.runtime import Precision
from commonspace.encode.tower import Tower

__all__ = ["GRAPHS", "SIGN", "QuantisedFamily"]

SIGN: Final = "quantised.json"
GRAPHS: Final = "int8"


@final
@dataclass(frozen=True, slots=True)
class QuantisedFamily:
    """Reads the checkpoint that was copied with ``inner`` and runs the graphs beside it; another fingerprint."""

    inner: Callable[[CheckpointFolder], Family]
    name: str = "int8"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the folder is such a copy."""
        return folder.has(SIGN)

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the checkpoint and hash the graphs beside it.

        Raises:
            ModelError: a file is missing, or the checkpoint is not the one that was copied.
        """
        told = folder.json(SIGN)
        called = name if name.endswith(f"-{GRAPHS}") else f"{name}-{GRAPHS}"
        base = self.inner(folder).read(folder, called)
        if folder.hashed and base.space.fingerprint != told.get("base_fingerprint"):
            raise ModelError(
                f"The files in {folder.path} are not those that its int8 graphs were made of.",
                fix="Make the copy again: commonspace models optimize NAME --precision int8.",
            )
        graphs = [folder.file(f"{GRAPHS}/{modality}.{end}") for modality in base.space.towers for end in ("xml", "bin")]
        own = folder.fingerprint(graphs, {"family": self.name, "base": base.space.fingerprint})
        fingerprint = blake3(own.encode()).hexdigest() if own else ""

        def tower(modality: Modality, running: Running) -> Tower:
            quick = replace(running, precision=running.precision or Precision.F32, optimised=folder.path / GRAPHS)
            return base.tower(modality, quick)

        return replace(
            base,
            family=f"{base.family}, int8",
            space=replace(base.space, fingerprint=fingerprint),
            tower=tower,
            notes=(*base.notes, f"int8 copy of {told.get('base')}"),
        )
