"""What a request will cost, told before anything of it is decoded: from its size, and from what others like it took."""

from collections.abc import Collection, Mapping
from typing import Final, final

from commonspace.core.errors import ItemError
from commonspace.core.modality import Modality
from commonspace.encode.prepare import Prepared
from commonspace.ingest.container import CONTAINER_TYPES
from commonspace.ingest.payload import HEAD_BYTES
from commonspace.ingest.sniff import sniff
from commonspace.ingest.source import Source
from commonspace.serve.admission import Demand
from commonspace.serve.cost import Gauge, units_of

__all__ = ["Estimates"]

CHARS_PER_TOKEN: Final = 4
LEARNING: Final = 0.1
FIRST_DECODE_SECONDS: Final = {Modality.IMAGE: 0.02, Modality.AUDIO: 0.03, Modality.VIDEO: 1.0}
OTHER_DECODE_SECONDS: Final = 0.1
FIRST_UNITS: Final = {Modality.VIDEO: 30.0, Modality.AUDIO: 10.0}


@final
class Estimates:
    """Running means, by modality, of seconds to decode and of units for a tower."""

    def __init__(self, gauges: Mapping[Modality, Gauge]) -> None:
        self._gauges = gauges
        self._decode_seconds: dict[Modality, float] = {}
        self._tower_seconds: dict[Modality, float] = {}

    def demand(self, sources: Collection[Source], decoders: int = 1, slots: int = 1) -> Demand:
        """What a request of these items asks for; alone, on so many decoders and slots."""
        decode = tower = longest = 0.0
        modalities = set()
        for source in sources:
            modality = _modality(source)
            modalities.add(modality)
            decoding, encoding = self._decoding(modality, source), self._towers(modality, source)
            decode += decoding
            tower += encoding
            longest = max(longest, decoding + encoding)
        return Demand(
            decode_seconds=decode,
            tower_seconds=tower,
            alone_seconds=max(longest, decode / decoders + tower / slots),
            modalities=frozenset(modalities),
            num_items=len(sources),
        )

    def learn_decoding(self, modality: Modality, source: Source, seconds: float) -> None:
        """An item of a modality took so long to decode."""
        before = self._decode_seconds.get(modality, self._decoding(modality, source))
        self._decode_seconds[modality] = before + LEARNING * (seconds - before)

    def learn_pieces(self, prepared: Prepared) -> None:
        """A decoded item asks so much of the towers."""
        if prepared.modality == Modality.TEXT:
            return
        seconds = sum(
            self._gauges[piece.modality].curve.seconds(units_of(piece.modality, piece.features))
            for piece in prepared.pieces
        )
        before = self._tower_seconds.get(prepared.modality, seconds)
        self._tower_seconds[prepared.modality] = before + LEARNING * (seconds - before)

    def _decoding(self, modality: Modality, source: Source) -> float:
        if isinstance(source.origin, str):
            return 0.0
        first = FIRST_DECODE_SECONDS.get(modality, OTHER_DECODE_SECONDS)
        return self._decode_seconds.get(modality, first)

    def _towers(self, modality: Modality, source: Source) -> float:
        if modality == Modality.TEXT and Modality.TEXT in self._gauges:
            size = len(source.origin) if isinstance(source.origin, str | bytes) else 0
            return self._gauges[Modality.TEXT].seconds(max(16.0, size / CHARS_PER_TOKEN))
        gauge = self._gauges.get(modality) or self._gauges.get(Modality.IMAGE)
        if gauge is None:
            return 0.0
        known = self._tower_seconds.get(modality, gauge.curve.seconds(FIRST_UNITS.get(modality, 1.0)))
        return known * gauge.correction


def _modality(source: Source) -> Modality:
    """The kind of an item by its first bytes; what is of no known type is soon refused, and counts as a picture."""
    if isinstance(source.origin, str):
        return Modality.TEXT
    if not isinstance(source.origin, bytes):
        return Modality.IMAGE
    try:
        media_type = sniff(source.origin[:HEAD_BYTES])
    except ItemError:
        return Modality.IMAGE
    if media_type in CONTAINER_TYPES:
        return Modality.VIDEO
    kind = media_type.split("/", maxsplit=1)[0]
    return Modality(kind) if kind in {"text", "image", "audio", "video"} else Modality.TEXT
