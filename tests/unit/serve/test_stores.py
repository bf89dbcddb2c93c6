"""Stores of tenants: made, used, closed when idle, dropped, and never seen by anybody else."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from stat import S_IMODE

import pytest

from commonspace.core.errors import Conflict, NotFound, StoreError, UsageError
from commonspace.encode.prepare import Prepared
from commonspace.index.store import Store
from commonspace.ingest.source import Source
from commonspace.serve.stores import Stores
from tests.fakes import FAKE_SPACE, fake_embedder
from tests.unit.serve.world import FakeOpening, World, world


def text(words: str, uri: str = "upload:x") -> Prepared:
    return fake_embedder().preparer(Source(uri=uri, name=words[:20], origin=words))


def no_pool() -> object:
    raise AssertionError("nothing is decoded here")


def stores_in(folder: Path, *, num_open: int = 32) -> Stores:
    return Stores(folder, FakeOpening(no_pool, fake_embedder()), num_open=num_open)  # type: ignore[arg-type]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = stores_in(tmp_path / "stores")
    yield made
    made.close()


def test_a_store_is_made_listed_used_and_dropped(stores: Stores) -> None:
    stores.create("ann", "holidays", "Photos of 2024")

    with stores.use("ann", "holidays") as collection:
        assert collection.add([text("a heron")])[0].outcome == "added"
    assert [(about.name, about.description) for about in stores.names("ann")] == [("holidays", "Photos of 2024")]
    assert stores.about("ann", "holidays").created > 0
    stores.drop("ann", "holidays")

    assert stores.names("ann") == []
    with pytest.raises(NotFound), stores.use("ann", "holidays"):
        pass


def test_the_folder_is_for_this_user_alone(stores: Stores, tmp_path: Path) -> None:
    stores.create("ann", "a")

    assert S_IMODE((tmp_path / "stores").stat().st_mode) == 0o700
    assert S_IMODE((tmp_path / "stores" / "ann").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["", "A", "-a", "a" * 64, "../x", "a/b", "a.cs", "ä", "a\n", "a\0"])
def test_what_is_no_name_makes_no_store_and_finds_none(name: str, stores: Stores) -> None:
    with pytest.raises(UsageError):
        stores.create("ann", name)
    with pytest.raises(NotFound):
        stores.about("ann", name)
    with pytest.raises(NotFound), stores.use("ann", name):
        pass
    with pytest.raises(NotFound):
        stores.drop("ann", name)


@pytest.mark.parametrize("tenant", ["../ann", "Ann", "a/b", "", ".", "~x", "ä" * 300])
def test_a_tenant_of_any_name_stays_in_a_folder_of_its_own(tenant: str, stores: Stores, tmp_path: Path) -> None:
    stores.create("ann", "a")
    stores.create(tenant, "a")

    assert len(list((tmp_path / "stores").glob("*/a.cs"))) == 2
    stores.drop(tenant, "a")
    assert [about.name for about in stores.names("ann")] == ["a"]


def test_a_name_is_taken_once(stores: Stores) -> None:
    stores.create("ann", "a")

    with pytest.raises(Conflict, match="already"):
        stores.create("ann", "a")


def test_of_many_who_make_the_same_store_one_does(stores: Stores) -> None:
    def make(_: int) -> bool:
        try:
            stores.create("ann", "a")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(8))) == 1


def test_least_used_stores_are_closed_and_open_again_when_asked_for(tmp_path: Path) -> None:
    stores = stores_in(tmp_path, num_open=2)
    for name in "abcd":
        stores.create("ann", name)
        with stores.use("ann", name) as collection:
            collection.add([text(f"about {name}")])

    assert stores.num_open == 2
    for name in "abcd":
        with stores.use("ann", name) as collection:
            assert collection.search(f"about {name}")[0].score == pytest.approx(1.0, abs=1e-5)
    stores.close()
    assert stores.num_open == 0


def test_a_store_in_use_is_not_closed_under_its_user(tmp_path: Path) -> None:
    stores = stores_in(tmp_path, num_open=1)
    for name in "ab":
        stores.create("ann", name)

    with stores.use("ann", "a") as first:
        with stores.use("ann", "b"):
            pass
        assert first.search("anything") == []
    stores.close()


def test_a_store_that_is_dropped_in_use_is_not_found_from_then_on(stores: Stores) -> None:
    stores.create("ann", "a")
    with pytest.raises(NotFound), stores.use("ann", "a"):  # noqa: PT012  # the end of the use matters
        stores.drop("ann", "a")
        with pytest.raises(Conflict):
            stores.create("ann", "a")
        raise StoreError("Its files are gone.", fix="")

    stores.create("ann", "a")
    with stores.use("ann", "a") as fresh:
        assert fresh.search("anything") == []


def test_what_a_crash_left_half_made_or_half_dropped_goes_at_the_start(stores: Stores, tmp_path: Path) -> None:
    stores.create("ann", "a")
    tenant = tmp_path / "stores" / "ann"
    for remains in (".gone-1234", ".draft-abc"):
        (tenant / remains / "store").mkdir(parents=True)

    stores_in(tmp_path / "stores")

    assert [path.name for path in tenant.iterdir()] == ["a.cs"]


def test_threads_write_and_search_one_store_at_once(stores: Stores) -> None:
    stores.create("ann", "a")

    def work(place: int) -> int:
        with stores.use("ann", "a") as collection:
            collection.add([text(f"note {place}", f"upload:{place}")])
            return len(collection.search(f"note {place}", k=1))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(work, range(16))) == 16
    with stores.use("ann", "a") as collection:
        assert sum(collection.info().items.values()) == 16


def test_another_program_that_writes_is_a_conflict_that_names_no_path(stores: Stores, tmp_path: Path) -> None:
    stores.create("ann", "a")
    held = Store.open(tmp_path / "stores" / "ann" / "a.cs", space=FAKE_SPACE)

    with pytest.raises(Conflict) as refused, stores.use("ann", "a") as collection:
        collection.add([text("a heron")])
    with stores.use("ann", "a") as collection:
        assert collection.search("a heron") == []

    held.close()
    assert str(tmp_path) not in str(refused.value)
    assert refused.value.retry_after_seconds


def test_content_is_embedded_once_and_a_new_name_keeps_its_vectors(stores: Stores) -> None:
    stores.create("ann", "a")
    item = text("a heron")

    with stores.use("ann", "a") as collection:
        renamed = replace(item, name="grey heron", metadata={**item.metadata, "year": 2024})
        outcomes = [collection.add([each])[0].outcome for each in (item, item, renamed, text("an owl"))]
        assert outcomes == ["added", "unchanged", "updated", "updated"]
        assert [kept.outcome for kept in collection.add([item, item])] == ["updated", "unchanged"]
        with pytest.raises(UsageError, match="twice"):
            collection.add([text("one", "upload:y"), text("two", "upload:y")])


def test_two_tenants_who_do_anything_at_all_never_see_each_other(tmp_path: Path) -> None:
    rng = random.Random(20261122)
    stores = stores_in(tmp_path, num_open=2)
    truth: dict[tuple[str, str], set[str]] = {}
    for step in range(120):
        tenant, name = rng.choice(["ann", "bob"]), rng.choice(["a", "b"])
        held = truth.get((tenant, name))
        match rng.randrange(5):
            case 0 if held is None:
                stores.create(tenant, name)
                truth[tenant, name] = set()
            case 1 if held is not None and rng.random() < 0.2:
                stores.drop(tenant, name)
                del truth[tenant, name]
            case 2 | 3 if held is not None:
                with stores.use(tenant, name) as collection:
                    collection.add([text(f"{tenant} {name} {step}", f"upload:{tenant}-{step}")])
                held.add(f"upload:{tenant}-{step}")
            case _ if held is None:
                with pytest.raises(NotFound), stores.use(tenant, name):
                    pass
            case _:
                with stores.use(tenant, name) as collection:
                    assert {hit.uri for hit in collection.search("ann bob", k=999)} == held
        assert {about.name for about in stores.names(tenant)} == {own for who, own in truth if who == tenant}
    assert truth
    stores.close()


def test_searches_go_on_while_a_job_fills_the_store(tmp_path: Path) -> None:
    with world(tmp_path, running=False) as here:
        writing, done = threading.Event(), threading.Event()
        here.stores.create("ann", "a")

        def fill(opened: World) -> None:
            with opened.stores.use("ann", "a") as collection, collection._shared.writing():  # noqa: SLF001  # the job's
                writing.set()
                done.wait(30)

        thread = threading.Thread(target=fill, args=(here,))
        thread.start()
        writing.wait(30)
        with here.stores.use("ann", "a") as collection:
            collection.add([text("a heron")])
            assert len(collection.search("a heron")) == 1
        done.set()
        thread.join()
