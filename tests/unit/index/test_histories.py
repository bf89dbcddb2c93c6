"""Whatever is done to a store in whatever order, it behaves as a dictionary and a brute-force search would."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from commonspace.core.modality import Modality
from commonspace.index.exact import ExactIndex
from commonspace.index.flat import FlatIndex
from commonspace.index.records import Entry, item_id
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, found, ranking, same_entry, vectors

NAMES = st.sampled_from([f"file:///{name}" for name in ("a", "b", "c", "d", "e/f", "e/g")])
MODALITIES = st.sampled_from([Modality.TEXT, Modality.IMAGE, Modality.VIDEO])
SEEDS = st.integers(0, 5)  # few, so that vectors tie


class Histories(RuleBasedStateMachine):
    """A store, a second one that only reads, and the dictionary that both must equal."""

    @initialize()
    def create(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "s"
        self.held: dict[str, Entry] = {}
        self.store = Store.create(self.path, SPACE)
        self.reader = Store.open(self.path, writable=False, make_index=ExactIndex)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.store.verify() == []
            self.reader.close()
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(
        made=st.dictionaries(
            NAMES, st.tuples(st.integers(0, 3), SEEDS, MODALITIES, st.booleans()), min_size=1, max_size=4
        )
    )
    def put(self, made: dict[str, tuple[int, int, Modality, bool]]) -> None:
        entries = []
        for uri, (count, seed, modality, with_child) in made.items():
            entries.append(entry(uri, count, seed=seed, modality=modality, text=f"seed{seed} words"))
            if with_child:
                entries.append(entry(f"{uri}#child", 1, seed=seed, parent=item_id(uri)))
        self.store.put(entries)
        self.forget(set(made))
        self.held |= {each.item.uri: each for each in entries}

    @rule(uris=st.sets(NAMES, min_size=1, max_size=3))
    def remove(self, uris: set[str]) -> None:
        gone = [uri for uri in self.held if uri.split("#")[0] in uris]

        assert self.store.remove([item_id(uri) for uri in uris]) == len(gone)
        self.forget(uris)

    @precondition(lambda self: any("#" in uri for uri in self.held))
    @rule()
    def remove_a_child(self) -> None:
        uri = next(uri for uri in self.held if "#" in uri)

        assert self.store.remove([item_id(uri)]) == 1
        del self.held[uri]

    def forget(self, uris: set[str]) -> None:
        self.held = {uri: each for uri, each in self.held.items() if uri.split("#")[0] not in uris}

    @rule(seed=SEEDS, k=st.integers(1, 9), wanted=st.none() | st.sets(MODALITIES), count=st.sampled_from([1, 9]))
    def search(self, seed: int, k: int, wanted: set[Modality] | None, count: int) -> None:
        queries = np.repeat(vectors(1, seed=seed), count, axis=0)
        expected = [ranking(list(self.held.values()), queries[0], k, wanted)] * count
        for store in (self.store, self.reader):
            assert [found(hits) for hits in store.search(queries, k=k, modalities=wanted)] == expected

    @rule(seed=SEEDS)
    def match(self, seed: int) -> None:
        expected = {uri for uri, each in self.held.items() for one in each.segments if one.text == f"seed{seed} words"}

        assert {hit.item.uri for hit in self.reader.match(f"seed{seed}", k=99)} == expected

    @rule()
    def snapshot(self) -> None:
        self.store.snapshot()

    @rule()
    def delete_every_index_file(self) -> None:
        shutil.rmtree(self.path / "index", ignore_errors=True)

    @rule(exact=st.booleans())
    def reopen(self, *, exact: bool) -> None:
        self.store.close()
        self.store = Store.open(self.path, space=SPACE, make_index=ExactIndex if exact else FlatIndex)

    @invariant()
    def holds_what_was_put(self) -> None:
        if not hasattr(self, "store"):
            return
        assert [item.uri for item in self.reader.items()] == sorted(self.held)
        assert all(same_entry(self.store.entry(each.item.id), each) for each in self.held.values())
        assert self.store.num_segments == sum(len(each.segments) for each in self.held.values())


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
