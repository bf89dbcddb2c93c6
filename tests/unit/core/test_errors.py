"""Every error carries a code, a cause and a fix, and survives the trip between processes."""

import inspect
import pickle

import pytest

from commonspace.core import errors
from commonspace.core.errors import CommonspaceError, ItemError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, CommonspaceError)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_drawn_in_the_module_names_every_error(kind: type[CommonspaceError]) -> None:
    assert f" {kind.__name__}" in (errors.__doc__ or "")


def test_codes_differ_between_errors() -> None:
    codes = [kind.code for kind in KINDS]

    assert len(set(codes)) == len(codes)


def test_the_message_is_the_cause_and_the_fix() -> None:
    error = errors.UsageError("k is 0.", fix="Ask for at least one hit.")

    assert str(error) == "k is 0. Ask for at least one hit."


def test_an_item_error_crosses_a_process_boundary_whole() -> None:
    back = pickle.loads(pickle.dumps(ItemError("corrupt", "The file ends early.", fix="Copy it again.")))  # noqa: S301  # our own bytes

    assert (back.item_code, back.cause, back.fix) == ("corrupt", "The file ends early.", "Copy it again.")
