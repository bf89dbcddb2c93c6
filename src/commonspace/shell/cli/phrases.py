"""Commands of two words beside a command of the first word alone: ``index tune`` beside ``index PATHS``.

A path that is called like the second word is written ``./tune``.
"""

from typing import Any, final

from typer.core import TyperGroup

__all__ = ["Phrases"]


@final
class Phrases(TyperGroup):
    """A group that looks for its first two words as one name, and then for the first alone."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that some arguments begin with, and what is left of them."""
        phrase = " ".join(args[:2])
        if len(args) > 1 and phrase in self.commands:
            return phrase, self.commands[phrase], args[2:]
        return super().resolve_command(ctx, args)
