"""Printed words through RapidOCR (the ``ocr`` extra): the networks of PP-OCR that lie in its wheel, run by OpenVINO.

Nothing is downloaded: each network's file is named outright, and one that is missing is an error.
"""

from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final, final

import numpy as np

from commonspace.core.errors import ItemError, MissingExtra, ModelError
from commonspace.core.item import Pixels, Region
from commonspace.encode.reading import Line

__all__ = ["RapidReader"]

FINDER: Final = "PP-OCRv6_det_small.onnx"
WRITER: Final = "PP-OCRv6_rec_small.onnx"
LEAST_CONFIDENCE: Final = 0.5
"""Noise and texture are taken for letters now and then: what is less sure than this is left out."""
LONGEST_SIDE: Final = 8192
SHEETS_A_LOAD: Final = 256
"""OpenVINO keeps memory for every size of picture it has met: the networks are loaded anew now and then."""


@final
class RapidReader:
    """PP-OCR on the processor: finds lines, then reads each. The networks are read when the first picture comes."""

    def __init__(self, *, threads: int | None = None) -> None:
        if find_spec("rapidocr") is None:
            raise MissingExtra("Reading words in pictures needs rapidocr.", fix="Run: pip install 'commonspace[ocr]'")
        self._threads = threads or -1
        self._lock = Lock()
        self._engine: Any = None
        self._num_read = 0

    def read(self, pixels: Pixels) -> tuple[Line, ...]:
        """The lines of words in an upright picture (height x width x 3, RGB), in no certain order.

        Raises:
            ItemError: the networks stop on it.
            ModelError: the networks are missing or cannot be read.
        """
        height, width = pixels.shape[:2]
        with self._lock:
            engine = self._loaded()
            try:
                found = engine(np.ascontiguousarray(pixels[:, :, ::-1]))
            except Exception as error:  # foreign code on arbitrary pixels, and one picture must not end a run
                cause = f"The reader stopped in an unforeseen way ({type(error).__name__})."
                raise ItemError("reading_failed", cause, fix="Convert or crop it, and index it again.") from error
        if found.boxes is None or found.txts is None:
            return ()
        return tuple(
            Line(
                text=" ".join(text.split()),
                region=Region.within(*(box.min(axis=0) / (width, height)), *(box.max(axis=0) / (width, height))),
                confidence=round(float(score), 3),
                aspect=height / width,
            )
            for box, text, score in zip(np.asarray(found.boxes), found.txts, found.scores, strict=True)
            if text.strip()
        )

    def _loaded(self) -> Any:
        if self._engine is None or self._num_read >= SHEETS_A_LOAD:
            self._engine, self._num_read = None, 0
            self._engine = self._made()
        self._num_read += 1
        return self._engine

    def _made(self) -> Any:
        import rapidocr
        from rapidocr.utils.typings import EngineType

        models = Path(rapidocr.__file__).parent / "models"
        lacking = [name for name in (FINDER, WRITER) if not (models / name).is_file()]
        if lacking:
            raise ModelError(
                f"rapidocr lacks its network {lacking[0]}.",
                fix="Run: pip install --force-reinstall 'rapidocr>=3.10,<3.11'",
            )
        return rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.text_score": LEAST_CONFIDENCE,
                "Global.max_side_len": LONGEST_SIDE,
                "Det.engine_type": EngineType.OPENVINO,
                "Det.model_path": str(models / FINDER),
                "Det.limit_type": "max",
                "Det.limit_side_len": LONGEST_SIDE,
                "Rec.engine_type": EngineType.OPENVINO,
                "Rec.model_path": str(models / WRITER),
                "EngineConfig.openvino.inference_num_threads": self._threads,
            }
        )
