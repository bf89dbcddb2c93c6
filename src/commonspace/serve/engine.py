"""The engine: items in, vectors out, under load: remembered, joined, admitted, decoded, batched, answered in time."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import final

from commonspace.core.errors import (
    CommonspaceError,
    DeadlineMissed,
    ItemError,
    Overloaded,
    Unavailable,
    UnsupportedModality,
)
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedder
from commonspace.encode.prepare import Prepared, Preparer, nothing_to_embed
from commonspace.ingest.source import Source
from commonspace.serve.admission import Admission, Admitted, Load
from commonspace.serve.answer import Answer
from commonspace.serve.deadlines import until
from commonspace.serve.decoding import Decoders, Errand
from commonspace.serve.estimates import Estimates
from commonspace.serve.floor import Floor
from commonspace.serve.health import Health
from commonspace.serve.lane_tower import BackgroundQueue
from commonspace.serve.meters import Meters
from commonspace.serve.remembered import AnswerCache, answer_key
from commonspace.serve.terms import Terms, Urgency
from commonspace.serve.work import Outcome, Work, outcomes

__all__ = ["Engine"]

TEXTS_AT_ONCE = 16
"""More texts than this are made ready in a thread, so that other requests are answered meanwhile."""


@final
class Engine:
    """Embeds for many callers at once. Start it in the event loop that it is then used from.

    Vectors are those that ``Embedder.embed`` gives for the item alone. An item that is remembered costs nothing; one
    that is being computed is waited for. What cannot be done by its deadline is refused before it is begun.
    """

    def __init__(
        self,
        preparer: Preparer,
        decoders: Decoders,
        floor: Floor,
        admission: Admission,
        *,
        cache: AnswerCache,
        meters: Meters,
    ) -> None:
        self.floor, self.decoders, self.admission, self.cache, self.meters = floor, decoders, admission, cache, meters
        self.estimates = Estimates({modality: lane.gauge for modality, lane in floor.lanes.items()})
        self._preparer = preparer
        self._flying: dict[bytes, Work] = {}
        self._apart: set[asyncio.Future[None]] = set()
        self._draining = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def space(self) -> Space:
        """Where the vectors live."""
        return self._preparer.space

    @property
    def embedder(self) -> Embedder:
        """The space for work in the background: blocking, from other threads, in the queues' bulk class.

        Raises:
            Unavailable: the engine has not been started.
        """
        queue = BackgroundQueue(self.floor, self._running_loop(), self.space.dimension, self.admission.bulk_seconds)
        return Embedder(self._preparer, queue.tower)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise Unavailable("The service is not running.", fix="Try again in a moment.", retry_after_seconds=1.0)
        return self._loop

    def start(self) -> None:
        """Start decoding; answers come on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self.decoders.start()

    async def close(self) -> None:
        """Finish what is on its way, then stop."""
        self._draining = True
        while self._flying:
            await asyncio.wait([work.outcome for work in self._flying.values()])
        self.decoders.close()
        self.floor.close()
        self.cache.close()

    def drain(self) -> None:
        """Say in ``health`` that the service is going away; what comes is still done."""
        self._draining = True

    def health(self) -> Health:
        """Whether requests can be answered, and if not, why."""
        reasons = ["draining"] if self._draining else []
        if self.decoders.num_ready < self.decoders.num_workers:
            reasons.append(f"decode: {self.decoders.num_ready} of {self.decoders.num_workers} workers")
        if self.floor.stuck(time.monotonic()):
            reasons.append("inference: a batch does not end")
        return Health(reasons=tuple(reasons))

    async def embed(self, sources: Sequence[Source], terms: Terms) -> list[Answer | ItemError]:
        """Embed items, one answer or error each, in order. A ``Source`` of a str is text, of bytes encoded media.

        Raises:
            Overloaded: it cannot be done in time; nothing was begun.
            DeadlineMissed: the deadline in the terms has passed.
            Unavailable: the service is stopping.
            CommonspaceError: a tower failed.
        """
        self._running_loop()
        keys = [answer_key(source, self.space.fingerprint, terms.tenant) for source in sources]
        found = [self._known(key, terms.urgency) for key in keys]
        new = {key: source for key, source, there in zip(keys, sources, found, strict=True) if there is None}
        self._count(found, len(new))
        admitted = self._admit(new.values(), terms) if new else None
        done = False
        try:
            begun = self._works(new, admitted) if admitted is not None else {}
            waiting = [begun[key] if there is None else there for key, there in zip(keys, found, strict=True)]
            answers = await self._answers(waiting, begun.values(), terms)
            done = True
        finally:
            if admitted is not None:
                self.admission.release(admitted, done=done)
        return answers

    async def prepare(self, source: Source, terms: Terms) -> Prepared | ItemError:
        """Decode one item in a fenced process and make it ready for the towers; for what goes into a store.

        Raises:
            DeadlineMissed: the deadline in the terms has passed.
            Unavailable: the service is stopping.
        """
        outcome: asyncio.Future[Prepared | CommonspaceError] = asyncio.get_running_loop().create_future()

        def done(result: Prepared | CommonspaceError, _: float) -> None:
            if not outcome.done():
                outcome.set_result(result)

        due = terms.deadline or time.monotonic() + self.admission.bulk_seconds
        cost = self.estimates.demand([source]).decode_seconds
        self.decoders.submit(Errand(source=source, due=due, seconds=cost, wanted=lambda: not outcome.done(), done=done))
        result = await until(outcome, terms.deadline)
        if isinstance(result, Prepared | ItemError):
            return result
        raise result

    def _known(self, key: bytes, urgency: Urgency) -> Answer | Work | None:
        """An answer remembered, or somebody's work to join; nobody interactive joins work that is in bulk."""
        remembered = self.cache.get(key)
        if remembered is not None:
            return replace(remembered, cached=True, compute_seconds=0.0)
        flying = self._flying.get(key)
        return None if flying is None or (flying.urgency, urgency) == (Urgency.BULK, Urgency.INTERACTIVE) else flying

    def _count(self, found: Sequence[Answer | Work | None], num_new: int) -> None:
        hits = sum(isinstance(each, Answer) for each in found)
        for outcome, count in (("hit", hits), ("joined", len(found) - hits - num_new), ("miss", num_new)):
            if count:
                self.meters.cache(outcome, count)

    def _admit(self, new: Collection[Source], terms: Terms) -> Admitted:
        """Let new items in, if they can be done in time."""
        demand = self.estimates.demand(new, self.decoders.num_workers, self.floor.slots)
        try:
            return self.admission.admit(demand, terms, self._load_until)
        except (Overloaded, DeadlineMissed) as refusal:
            self.meters.refused(refusal.code)
            raise

    def _works(self, new: Mapping[bytes, Source], admitted: Admitted) -> dict[bytes, Work]:
        works = {key: Work(key, source, admitted.urgency, admitted.due, self._finished) for key, source in new.items()}
        self._flying.update(works)
        return works

    def _begin(self, works: Collection[Work]) -> None:
        """Set works going that somebody waits for."""
        texts = [work for work in works if isinstance(work.source.origin, str)]
        if len(texts) > TEXTS_AT_ONCE:
            task = asyncio.ensure_future(self._ready_apart(texts))
            self._apart.add(task)  # the loop keeps no task alive by itself
            task.add_done_callback(self._apart.discard)
        else:
            self._enqueue([(work, self._ready(work.source)) for work in texts])
        for work in works:
            if not isinstance(work.source.origin, str):
                self._decode(work)

    def _load_until(self, due: float) -> Load:
        now = time.monotonic()
        objectives = self.admission.objectives
        return Load(
            decode_seconds=self.decoders.waiting_seconds,
            decoders=self.decoders.num_workers,
            running_seconds=self.floor.running_seconds(now),
            interactive_seconds=sum(
                lane.seconds_until(due, now + objectives[modality]) for modality, lane in self.floor.lanes.items()
            ),
            bulk_seconds=self.floor.backlog_seconds(Urgency.BULK),
            slots=self.floor.slots,
        )

    async def _ready_apart(self, works: list[Work]) -> None:
        def ready() -> list[tuple[Work, Prepared | CommonspaceError]]:
            return [(work, self._ready(work.source)) for work in works]

        try:
            self._enqueue(await asyncio.to_thread(ready))
        except Exception as error:  # noqa: BLE001  # nobody may be left waiting
            for work in works:
                work.fail(error)

    def _ready(self, source: Source) -> Prepared | CommonspaceError:
        try:
            return self._preparer(source)
        except CommonspaceError as error:
            return error

    def _decode(self, work: Work) -> None:
        def done(outcome: Prepared | CommonspaceError, seconds: float) -> None:
            work.decode_seconds = seconds
            if isinstance(outcome, Prepared):
                self.estimates.learn_decoding(outcome.modality, work.source, seconds)
            self._enqueue([(work, outcome)])

        cost = self.estimates.demand([work.source]).decode_seconds
        errand = Errand(source=work.source, due=work.due, seconds=cost, wanted=lambda: work.wanted, done=done)
        self.decoders.submit(errand)

    def _enqueue(self, outcomes: Sequence[tuple[Work, Prepared | CommonspaceError]]) -> None:
        """Put decoded items' pieces into their towers' queues."""
        now = time.monotonic()
        for work, outcome in outcomes:
            if isinstance(outcome, CommonspaceError):
                work.fail(outcome)
            elif not outcome.pieces:
                work.fail(nothing_to_embed(outcome.media_type))
            else:
                work.expect(outcome, self.space.dimension)
                for place, piece in enumerate(outcome.pieces):
                    lane = self.floor.lanes[piece.modality]
                    ticket = lane.ticket(work, place, piece.features, due=work.due, urgency=work.urgency, queued_at=now)
                    lane.put([ticket])
                self.estimates.learn_pieces(outcome)
        self.floor.wake()

    def _finished(self, work: Work) -> None:
        """A work is over, one way or another."""
        if self._flying.get(work.key) is work:
            del self._flying[work.key]
        if work.outcome.cancelled():
            return
        outcome = work.outcome.result()
        if isinstance(outcome, Answer):
            self.cache.put(work.key, outcome)
            self.meters.item(outcome.modality, outcome.timing.decode_seconds, outcome.compute_seconds)
            if work.urgency == Urgency.INTERACTIVE:
                self.meters.punctual(outcome.modality, in_time=time.monotonic() <= work.due)
        else:
            self.meters.item_error(outcome.item_code if isinstance(outcome, ItemError) else outcome.code)

    async def _answers(
        self, waiting: Sequence[Answer | Work], begun: Collection[Work], terms: Terms
    ) -> list[Answer | ItemError]:
        """Begin works and wait for all, in order; whoever is gone or out of time leaves them."""
        works = [each for each in waiting if isinstance(each, Work)]
        for work in works:
            work.join()
        try:
            self._begin(begun)
            if works:
                await until(outcomes(works), terms.deadline)
        except DeadlineMissed:
            self.meters.dropped("deadline", len(works))
            raise
        finally:
            for work in works:
                work.leave()
        return [_answer(each.outcome.result() if isinstance(each, Work) else each) for each in waiting]


def _answer(outcome: Outcome) -> Answer | ItemError:
    if isinstance(outcome, Answer | ItemError):
        return outcome
    if isinstance(outcome, UnsupportedModality):
        return ItemError(outcome.code, outcome.cause, fix=outcome.fix)
    raise outcome
