"""One resident index for many threads: searches go side by side, catching up goes alone."""

import sqlite3
from pathlib import Path
from typing import final

from commonspace.index.bias import ItemBias
from commonspace.index.gate import Gate
from commonspace.index.resident import Answers, MakeIndex, Resident, Sought
from commonspace.index.schema import number

__all__ = ["Mirror"]


@final
class Mirror:
    """Shows each thread the vectors of exactly the state that its own transaction sees."""

    def __init__(self, folder: Path, dimension: int, make_index: MakeIndex, bias: ItemBias | None) -> None:
        self._gate = Gate()
        self._resident = Resident(folder, dimension, make_index, bias)

    def search(self, connection: sqlite3.Connection, sought: Sought, *, may_go_back: bool) -> Answers | None:
        """Search the state that ``connection`` sees; None where memory has moved on and a new transaction is due.

        A new transaction that still sees an older state is looking at a restored backup: with
        ``may_go_back`` memory follows it there, at the cost of loading everything again.
        """
        here = number(connection, "sequence")
        self._show(connection, here, may_go_back=may_go_back)
        with self._gate.looking():
            return self._resident.search(sought) if self._resident.sequence == here else None

    def _show(self, connection: sqlite3.Connection, here: int, *, may_go_back: bool) -> None:
        with self._gate.looking():
            shown = self._resident.sequence
        if shown == here or (shown is not None and shown > here and not may_go_back):
            return
        with self._gate.changing():
            shown = self._resident.sequence
            if shown is None or shown < here or (shown > here and may_go_back):
                self._resident.catch_up(connection)
