"""An endless, seeded list of changes to a store: one process makes them, another knows what they come to."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from commonspace.index.binary import SignCodes
from commonspace.index.kinds import Choice, Kind
from commonspace.index.records import Entry, item_id
from commonspace.index.scan import CodeScan
from tests.unit.index.making import entry

__all__ = ["Change", "after", "change", "choice", "small_indexes"]

NUM_URIS = 40
CHOICES = (
    None,
    Choice(kind=Kind.SCAN, depth=1_000),
    Choice(kind=Kind.BINARY, depth=1_000),
    Choice(kind=Kind.EXACT),
)
"""Every vector is scored exactly in each, so their answers are those of a full search."""


def small_indexes() -> None:
    """Let indexes be built of a handful of vectors already, in this process."""
    CodeScan.fewest_rows = SignCodes.fewest_rows = 8


def choice(number: int) -> Choice | None:
    """The index that change ``number`` asks for, if it is one that rebuilds."""
    return CHOICES[number % len(CHOICES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one call does: entries to put, or uris to remove; neither means another index and a snapshot."""

    put: tuple[Entry, ...] = ()
    remove: tuple[str, ...] = ()


def change(number: int) -> Change:
    """The change of this number, always the same."""
    draw = random.Random(number)
    kind = draw.random()
    uris = [f"file:///media/{name}" for name in draw.sample(range(NUM_URIS), draw.randrange(1, 6))]
    if kind < 0.05:
        return Change()
    if kind < 0.25:
        return Change(remove=tuple(uris))
    text, made = f"change {number}", []
    for uri in uris:
        made.append(entry(uri, draw.randrange(4), seed=draw.randrange(2**32), text=text))
        for part in range(draw.choice([0, 0, 0, 2])):
            name, seed = f"{uri}#part-{part}", draw.randrange(2**32)
            made.append(entry(name, 1, seed=seed, text=text, parent=item_id(uri)))
    draw.shuffle(made)
    return Change(put=tuple(made))


def after(state: Mapping[str, Entry], done: Change) -> dict[str, Entry]:
    """What a store holds, by uri, once ``done`` has been done to ``state``."""
    gone = {*done.remove, *(each.item.uri for each in done.put)}
    left = {uri: each for uri, each in state.items() if uri.split("#")[0] not in gone}
    return left | {each.item.uri: each for each in done.put}
