"""Where one camera shot ends and the next begins: FFmpeg's scene change detector over small grey pictures."""

from fractions import Fraction
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["TINY_SIDE", "CutDetector"]

TINY_SIDE: Final = 64
"""The side of the small grey pictures in which cuts are seen, in pixels; FFmpeg sums rows of less than 64 wrongly."""
THRESHOLD: Final = 10.0
"""FFmpeg's own: how much a picture changes (percent of full scale), beyond what it changed just before."""
TIME_BASE: Final = Fraction(1, 1000)

Tiny = NDArray[np.uint8]


@final
class CutDetector:
    """Sees the frames of one video in time order. A pan or a flicker that goes on is no cut: what is steady is not new.

    The filter is libavfilter's ``scdet``: the mean absolute difference to the frame before, or how much that
    difference itself changed, whichever is less.
    """

    def __init__(self) -> None:
        from av.filter import Graph
        from av.video.format import VideoFormat

        graph = Graph()
        self._source = graph.add_buffer(
            width=TINY_SIDE, height=TINY_SIDE, format=VideoFormat("gray", TINY_SIDE, TINY_SIDE), time_base=TIME_BASE
        )
        detector, self._sink = graph.add("scdet", f"threshold={THRESHOLD:g}"), graph.add("buffersink")
        self._source.link_to(detector)
        detector.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def cut(self, tiny: Tiny, seconds: float) -> bool:
        """Whether a new shot begins with this picture."""
        from av.video.frame import VideoFrame

        frame = VideoFrame.from_ndarray(np.ascontiguousarray(tiny), format="gray")
        frame.pts, frame.time_base = round(seconds / TIME_BASE), TIME_BASE
        self._source.push(frame)
        seen: Any = self._sink.pull()
        return "lavfi.scd.time" in seen.metadata
