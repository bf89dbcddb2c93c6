"""Questions that meet are answered together, each gets its own answer, and nobody is forgotten."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest

from commonspace.core.modality import Modality
from commonspace.index import coalesce
from commonspace.index.coalesce import Coalescer
from commonspace.index.exact import ExactIndex
from commonspace.index.resident import Resident
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, file_entry, found, vectors


class Held:
    """Work whose first batch waits until it is let go, so that a test decides what queues up meanwhile."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.let_go = Event(), Event()

    def __call__(self, questions: Sequence[int]) -> list[int]:
        self.batches.append(list(questions))
        if len(self.batches) == 1:
            self.begun.set()
            assert self.let_go.wait(10)
        if -1 in questions:
            raise ValueError("no answer to that")
        return [10 * question for question in questions]


def queued(together: "Coalescer[int, int]", count: int) -> None:
    """Return when so many wait."""
    for _ in range(10_000_000):
        if together.num_waiting >= count:
            return
    raise AssertionError("they never came")


def test_what_comes_while_the_first_is_answered_is_one_batch() -> None:
    work = Held()
    together: Coalescer[int, int] = Coalescer(work)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(together.ask, 1)
        assert work.begun.wait(10)
        others = [pool.submit(together.ask, number) for number in range(2, 10)]
        queued(together, 8)
        work.let_go.set()

        assert first.result() == 10
        assert [other.result() for other in others] == [10 * number for number in range(2, 10)]
    assert [len(batch) for batch in work.batches] == [1, 8]


def test_with_two_lanes_two_are_at_work_and_share_those_who_wait() -> None:
    begun, let_go = Barrier(3), Event()
    batches: list[list[int]] = []

    def work(questions: Sequence[int]) -> list[int]:
        batches.append(list(questions))
        if len(batches) <= 2:
            begun.wait(10)
            assert let_go.wait(10)
        return [10 * question for question in questions]

    together: Coalescer[int, int] = Coalescer(work, lambda: 2)
    with ThreadPoolExecutor(10) as pool:
        first = [pool.submit(together.ask, number) for number in (0, 1)]
        begun.wait(10)
        others = [pool.submit(together.ask, number) for number in range(2, 10)]
        queued(together, 8)
        let_go.set()

        assert [each.result(10) for each in (*first, *others)] == [10 * number for number in range(10)]
    assert sorted(map(len, batches[:2])) == [1, 1]
    assert max(map(len, batches)) <= 4


def test_an_error_reaches_everyone_of_its_batch_and_nobody_else() -> None:
    work = Held()
    together: Coalescer[int, int] = Coalescer(work)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together.ask, 1)
        assert work.begun.wait(10)
        others = [pool.submit(together.ask, number) for number in (-1, 2)]
        queued(together, 2)
        work.let_go.set()

        assert first.result() == 10
        for other in others:
            with pytest.raises(ValueError, match="no answer"):
                other.result()
    assert together.ask(7) == 70


def test_an_interrupt_of_the_leader_is_not_the_others() -> None:
    calls: list[list[int]] = []
    begun, let_go = Event(), Event()

    def work(questions: Sequence[int]) -> list[int]:
        calls.append(list(questions))
        if len(calls) == 1:
            begun.set()
            assert let_go.wait(10)
            return [0]
        if len(calls) == 2:
            raise KeyboardInterrupt
        return list(questions)

    together: Coalescer[int, int] = Coalescer(work)
    outcomes: dict[int, object] = {}

    def ask(question: int) -> None:
        try:
            outcomes[question] = together.ask(question)
        except KeyboardInterrupt as interrupt:
            outcomes[question] = interrupt

    threads = [Thread(target=ask, args=(0,))]
    threads[0].start()
    assert begun.wait(10)
    threads += [Thread(target=ask, args=(number,)) for number in (1, 2, 3)]
    for thread in threads[1:]:
        thread.start()
    queued(together, 3)
    let_go.set()
    for thread in threads:
        thread.join(10)

    assert sum(isinstance(outcome, KeyboardInterrupt) for outcome in outcomes.values()) == 1
    assert all(outcome == question for question, outcome in outcomes.items() if isinstance(outcome, int))
    assert len(outcomes) == 4


def test_a_caller_that_gives_up_waiting_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it was its turn to lead."""

    class Impatient(Event):
        """Its caller is interrupted just as it is called."""

        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            if not given_up:
                given_up.append(True)
                raise KeyboardInterrupt
            return True

    given_up: list[bool] = []
    work = Held()
    together: Coalescer[int, int] = Coalescer(work)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together.ask, 1)
        assert work.begun.wait(10)
        monkeypatch.setattr(coalesce, "Event", Impatient)
        quitter = pool.submit(together.ask, 2)
        queued(together, 1)
        others = [pool.submit(together.ask, number) for number in (3, 4)]
        queued(together, 3)
        work.let_go.set()

        assert first.result(10) == 10
        with pytest.raises(KeyboardInterrupt):
            quitter.result(10)
        assert [other.result(10) for other in others] == [30, 40]
    assert together.ask(5) == 50


def test_threads_with_different_wishes_get_what_each_would_get_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = vectors(48, seed=1)
    wishes = [{"k": 5}, {"k": 9}, {"k": 5, "modalities": {Modality.IMAGE}}, {"k": 3, "best_of_item": True}]
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put([file_entry(number) for number in range(300)])
        alone = [found(store.search(queries[i : i + 1], **wishes[i % 4])[0]) for i in range(48)]  # type: ignore[arg-type]
        sizes: list[int] = []
        real = Resident.search

        def counted(self: Resident, connection: object, sought: object) -> object:
            sizes.append(len(sought.queries))  # type: ignore[attr-defined]
            return real(self, connection, sought)  # type: ignore[arg-type]

        monkeypatch.setattr(Resident, "search", counted)
        start = Barrier(48)

        def ask(i: int) -> list[tuple[str, int]]:
            start.wait(10)
            return found(store.search(queries[i : i + 1], **wishes[i % 4])[0])  # type: ignore[arg-type]

        with ThreadPoolExecutor(48) as pool:
            assert list(pool.map(ask, range(48))) == alone
    assert sum(sizes) == 48


def test_threads_that_search_while_one_writes_see_what_they_should(tmp_path: Path) -> None:
    """Every search shows all that was committed before it, coalesced or not."""
    query = file_entry(0).vectors
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put([file_entry(number) for number in range(20)])
        reader = Store.open(tmp_path / "s", writable=False, make_index=ExactIndex)
        done = Event()
        wrong: list[str] = []

        def look() -> None:
            while not done.is_set():
                least = reader.num_segments
                count = len(reader.search(query, k=500)[0])
                if count < least:
                    wrong.append(f"{count} of {least}")

        threads = [Thread(target=look) for _ in range(6)]
        for thread in threads:
            thread.start()
        for number in range(20, 60):
            store.put([file_entry(number)])
        done.set()
        for thread in threads:
            thread.join(20)
        reader.close()

        assert wrong == []
