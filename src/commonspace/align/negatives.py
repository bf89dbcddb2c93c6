"""How hard the batches of a run are: a plain value."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from pydantic import ConfigDict, Field

__all__ = ["HardNegatives"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HardNegatives:
    """How hard batches are: ``company`` neighbours a row (0 is off), drawn from the ``pool`` hardest of the pair.

    They are mined anew every ``every_steps`` steps, the first time after ``from_step``. Mining holds ``shard`` rows
    against one another at a time (memory: shard squared).
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    company: Annotated[int, Field(ge=0)] = 0
    pair: tuple[str, str] = ("text", "image")
    pool: Annotated[int, Field(ge=1)] = 16
    margin: Annotated[float, Field(gt=0, le=1)] = 0.95
    every_steps: Annotated[int, Field(ge=1)] = 500
    from_step: Annotated[int, Field(ge=0)] = 0
    shard: Annotated[int, Field(ge=2)] = 8192

    def due(self, step: int) -> bool:
        """Whether mining is due before a step."""
        return bool(self.company) and step >= self.from_step and (step - self.from_step) % self.every_steps == 0
