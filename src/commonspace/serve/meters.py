"""What the service counts and times, for Prometheus: requests, stages, queues, caches, refusals."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from commonspace.core.modality import Modality

__all__ = ["Meters"]

Family = TypeVar("Family", Counter, Gauge, Histogram)

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@final
class Meters:
    """One registry a service, so that two in a process do not mix. Names and labels are in docs/run-it.md."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._found: dict[tuple[object, ...], Any] = {}
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Requests answered.", "route", "status")
        self._request_seconds = self._histogram("request_seconds", "From a request's head to its answer.", "route")
        self._items = self._counter("items", "Items embedded.", "modality")
        self._interactive = self._counter(
            "interactive_items", "Interactive items embedded: in_time, or late.", "modality", "outcome"
        )
        self._item_errors = self._counter("item_errors", "Items that could not be embedded.", "code")
        self._stage_seconds = self._histogram(
            "stage_seconds", "Seconds in a stage: decode, queue, inference.", "modality", "stage"
        )
        self._batch_size = self._histogram("batch_size", "Pieces in a batch.", "modality", buckets=SIZES)
        self._batch_failures = self._counter("batch_failures", "Batches that failed.", "modality")
        self._cache = self._counter("cache", "Items by how they were found: hit, joined, miss.", "outcome")
        self._refusals = self._counter("refusals", "Requests refused, by cause.", "cause")
        self._dropped = self._counter("dropped", "Items given up on the way, by cause.", "cause")
        self._compute = self._counter("compute_seconds", "Seconds of compute, by modality.", "modality")
        self._level = Gauge("level", "What is at work now.", ["what"], namespace="commonspace", registry=self.registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._of(self._requests, route, status).inc()
        self._of(self._request_seconds, route).observe(seconds)

    def item(self, modality: Modality, decode_seconds: float, compute_seconds: float) -> None:
        """An item was embedded."""
        self._of(self._items, modality).inc()
        self._of(self._stage_seconds, modality, "decode").observe(decode_seconds)
        self._of(self._compute, modality).inc(compute_seconds)

    def punctual(self, modality: Modality, *, in_time: bool) -> None:
        """An interactive item was done, by the time that its objective or its request allowed, or after it."""
        self._of(self._interactive, modality, "in_time").inc(in_time)
        self._of(self._interactive, modality, "late").inc(not in_time)

    def item_error(self, code: str) -> None:
        """An item could not be embedded."""
        self._of(self._item_errors, code).inc()

    def waited(self, modality: Modality, seconds: float) -> None:
        """A piece waited so long for its tower."""
        self._of(self._stage_seconds, modality, "queue").observe(seconds)

    def batch(self, modality: Modality, num_pieces: int, seconds: float) -> None:
        """A batch ran."""
        self._of(self._batch_size, modality).observe(num_pieces)
        self._of(self._stage_seconds, modality, "inference").observe(seconds)

    def batch_failed(self, modality: Modality) -> None:
        """A batch raised an error."""
        self._of(self._batch_failures, modality).inc()

    def cache(self, outcome: str, count: int = 1) -> None:
        """Items were found: hit (remembered), joined (being computed for another) or miss."""
        self._of(self._cache, outcome).inc(count)

    def refused(self, cause: str) -> None:
        """A request was refused."""
        self._of(self._refusals, cause).inc()

    def dropped(self, cause: str, count: int = 1) -> None:
        """Items were given up: their client had gone, or their time."""
        self._of(self._dropped, cause).inc(count)

    def level(self, what: str, value: float) -> None:
        """How much of something there is now."""
        self._of(self._level, what).set(value)

    def _of(self, metric: Family, *labels: object) -> Family:
        """The one of a family with these labels; the library makes its way there anew each time."""
        key = (metric, labels)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = metric.labels(*labels)
        return found

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, namespace="commonspace", registry=self.registry)

    def _histogram(self, name: str, words: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        return Histogram(name, words, labels, namespace="commonspace", registry=self.registry, buckets=buckets)
