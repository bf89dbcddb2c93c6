"""Where numbers stand among ascending ones: by subtraction while none is missing, else by a search."""

import numpy as np

from commonspace.index.index import Ids

__all__ = ["places_of"]


def places_of(ascending: Ids, wanted: Ids) -> Ids:
    """The places of ``wanted``, all of them there, in any order; O(1) each while there is no gap, else O(log n)."""
    if len(ascending) and ascending[-1] - ascending[0] == len(ascending) - 1:
        places: Ids = wanted - ascending[0]
        return places
    return np.searchsorted(ascending, wanted)
