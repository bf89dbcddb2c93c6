"""Gives each test that schemathesis makes of an operation an id of its own; parallel runs take equal ones for one."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        label = getattr(item, "operation_label", None)
        if label is not None and item.id.params is None:
            item._id = item.id.with_params(label)  # noqa: SLF001  # schemathesis should, and pytest has no other way
