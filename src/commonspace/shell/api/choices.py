"""Says in a schema what a validator checks: of some fields that may be null exactly one is given."""

from typing import Any

__all__ = ["one_of"]


def one_of(*names: str) -> dict[str, Any]:
    """The part of a JSON schema that asks for one of the fields and leaves the others out, or null."""
    return {
        "oneOf": [
            {
                "required": [chosen],
                "properties": {
                    name: {"not": {"type": "null"}} if name == chosen else {"type": "null"} for name in names
                },
            }
            for chosen in names
        ]
    }
