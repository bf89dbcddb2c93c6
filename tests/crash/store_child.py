"""Forks writers to be killed, so that each starts at once: ``python -m tests.crash.store_child STORE``.

A line on standard input is the number of the change to begin with; the answer on standard output is
``pid N``, then ``ack N`` after each change whose call has returned, and ``dead SIGNAL`` at the end.
"""

import os
import sys
from pathlib import Path

from commonspace.index.records import item_id
from commonspace.index.store import Store
from tests.crash.operations import Change, change, choice, small_indexes
from tests.unit.index.making import SPACE, vectors


def say(line: str) -> None:
    """One line, past every buffer: whoever reads it may rely on it."""
    os.write(1, f"{line}\n".encode())


def make(store: Store, number: int, current: Change) -> None:
    """Do what the change says; a search follows every third one, so that indexes are built and brought up to date."""
    if current.put:
        store.put(current.put)
    elif current.remove:
        store.remove([item_id(uri) for uri in current.remove])
    else:
        store.choose_index(choice(number))
        store.snapshot()
    if number % 3 == 0:
        store.search(vectors(2, seed=number), k=5)


def write_for_ever(path: Path, number: int) -> None:
    """Make the changes from ``number`` on, until killed."""
    with Store.open(path, space=SPACE) as store:
        while True:
            make(store, number, change(number))
            say(f"ack {number}")
            number += 1


def main(path: Path) -> None:
    """One writer after another."""
    small_indexes()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            say(f"pid {os.getpid()}")
            write_for_ever(path, int(line))
        _, status = os.waitpid(pid, 0)
        say(f"dead {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
