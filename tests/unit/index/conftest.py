"""A fresh store for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from commonspace.index.store import Store
from tests.unit.index.making import SPACE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store, open for writing."""
    with Store.create(tmp_path / "media.cs", SPACE) as made:
        yield made
