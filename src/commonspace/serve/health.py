"""Whether the service can do its work, with every reason why not."""

from dataclasses import dataclass
from typing import final

__all__ = ["Health"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """No reasons is good health."""

    reasons: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether requests can be answered."""
        return not self.reasons
