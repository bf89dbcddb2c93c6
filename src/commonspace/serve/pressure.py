"""Whether more comes than can be done, and how long it then takes: from what comes and leaves in stretches of time.

A queue alone does not tell it. Callers who each wait for their answer before they ask again keep a queue standing, and
it never grows; a burst grows it once. Under overload more comes than leaves stretch after stretch, and only then does a
long queue serve nobody: kept short, as much is done and all wait less. How long a wait is says Little's law: what is
inside, by what leaves in a second. That knows of every wait inside, the event loop's too.
"""

import math
from collections import deque
from typing import Final, final

__all__ = ["Pressure"]

STRETCH_SECONDS: Final = 0.08
WINDOW: Final = 3
"""So many stretches are looked at together, for a short one says little."""
MORE: Final = 1.15
FEW: Final = 16
"""And so many more: callers in turn come and go by the batch."""
BEGINS_AFTER: Final = 4
"""So often in a row must a window say so: what all callers send at once at the start is in fewer windows."""
ENDS_AFTER: Final = 5
LEARNING: Final = 0.2


@final
class Pressure:
    """Counts items that came, refused or not, and that left; times are a growing clock's, in seconds.

    ``inside`` is how many were let in and have not left. Items, not what they are expected to cost: while expectations
    grow, less would seem to leave than comes.
    """

    def __init__(self) -> None:
        self.is_over = False
        self.inside = 0
        self._rate = 0.0
        self._window: deque[tuple[int, int]] = deque(maxlen=WINDOW)
        self._came = self._left = 0
        self._refused = False
        self._ends_at = -math.inf
        self._streak = 0

    def came(self, now: float, num_items: int) -> None:
        """Somebody asks for so many."""
        self._turn(now)
        self._came += num_items

    def entered(self, num_items: int) -> None:
        """So many of those that came were let in."""
        self.inside += num_items

    def left(self, now: float, num_items: int) -> None:
        """So many of those that were let in are over."""
        self._turn(now)
        self.inside -= num_items
        self._left += num_items

    def wait_seconds(self, num_items: int) -> float:
        """How long until items leave that are let in now, if as many leave as of late; 0 where that is not known."""
        return (self.inside + num_items) / self._rate if self._rate else 0.0

    def refused(self) -> None:
        """What came last found no room."""
        self._refused = True

    def turned_away(self) -> None:
        """Somebody was refused before being counted: that keeps pressure up, but begins none."""
        self._refused = self._refused or self.is_over

    def _turn(self, now: float) -> None:
        """Judge a stretch that is over. Where nothing came or left for longer, nothing pressed."""
        if now < self._ends_at:
            return
        if now - self._ends_at > STRETCH_SECONDS:
            self.is_over, self._streak = self.is_over and now - self._ends_at < ENDS_AFTER * STRETCH_SECONDS, 0
            self._window.clear()
        else:
            self._window.append((self._came, self._left))
            passed = STRETCH_SECONDS + now - self._ends_at
            self._rate += (LEARNING if self._rate else 1.0) * (self._left / passed - self._rate)
            came, left = (sum(each) for each in zip(*self._window, strict=True))
            pressed = self._refused or came > MORE * left + FEW
            self._streak = self._streak + 1 if pressed != self.is_over else 0
            if self._streak >= (ENDS_AFTER if self.is_over else BEGINS_AFTER):
                self.is_over, self._streak = not self.is_over, 0
        self._came = self._left = 0
        self._refused = False
        self._ends_at = now + STRETCH_SECONDS
