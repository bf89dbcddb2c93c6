"""Where a run's rows come from: saved features, or pairs through a space's towers; split, and checked for leaks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, Self, final

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from commonspace.align.pairs import Pairs, Views
from commonspace.align.recipe import Probe, Recipe
from commonspace.align.splits import SplitPlan, assign, refuse_leaks, unsplit
from commonspace.apps.entries import content_hash_of
from commonspace.apps.train.feature_cache import FeatureCache
from commonspace.apps.train.pairs_file import Line, LineFailure, lines
from commonspace.core.errors import ItemError, UsageError
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedding
from commonspace.ingest.source import source_of

__all__ = ["Embeds", "Loaded", "OpenSpace", "load_probe", "load_rows"]

ITEMS_A_BATCH = 64
Row = NDArray[np.float32]


class Embeds(Protocol):
    """A space that embeds: one answer an item, in order."""

    @property
    def space(self) -> Space:
        """Where the vectors live."""
        ...

    def try_embed(self, items: Sequence[object]) -> "list[Embedding | ItemError]":
        """Embed what can be embedded; the others answer with their error."""
        ...


OpenSpace = Callable[[str | None], Embeds]
"""A space by name; None is the one of the settings."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """Rows, the lines that could not be used, the space that embedded them, and what a person should know.

    ``towers`` are the spaces whose vectors single modalities have instead.
    """

    pairs: Pairs
    failures: tuple[LineFailure, ...] = ()
    space: Space | None = None
    towers: Mapping[str, Space] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    def made_by_space(self, modality: str) -> bool:
        """Whether a modality's features are vectors of the space already."""
        return self.space is not None and modality not in self.towers

    def facts(self) -> dict[str, Any]:
        """What the manifest tells of the data."""
        splits = {name or "none": self.pairs.splits.count(name) for name in dict.fromkeys(self.pairs.splits)}
        return {
            "digest": self.pairs.digest,
            "files": dict(self.files),
            "rows": len(self.pairs),
            "concepts": len(set(self.pairs.concepts)),
            "splits": splits,
            "views": {name: len(self.pairs.of(name).features) for name in self.pairs.modalities},
            "failed_lines": len(self.failures),
            "space": None if self.space is None else _told(self.space),
            "towers": {modality: _told(space) for modality, space in self.towers.items()},
        }


def load_rows(recipe: Recipe, open_space: OpenSpace, say: Callable[[str], None]) -> Loaded:
    """The recipe's rows with a split each, none of whose content stands in two of them.

    Raises:
        UsageError: there is no row to use, or content leaks between the splits.
    """
    data = recipe.data
    loaded = _load(recipe, Probe(name="data", pairs=data.pairs, features=data.features), open_space, say)
    if unsplit(loaded.pairs):
        split = SplitPlan(valid=data.split.valid, test=data.split.test, by=data.split.by, seed=recipe.seed)
        pairs = assign(loaded.pairs, split)
        note = (
            f"No row had a split: dealt out by {split.by} with seed {split.seed}, "
            + ", ".join(f"{pairs.splits.count(name)} {name}" for name in ("train", "valid", "test"))
            + " rows. Rows of equal content went to one side."
        )
        loaded = replace(loaded, pairs=pairs, notes=(*loaded.notes, note))
    elif "" in loaded.pairs.splits:
        raise UsageError("Some rows have a split and some have none.", fix="Give every row one, or none of them.")
    refuse_leaks(loaded.pairs, allowed=data.allow_leaks)
    for split_name in ("train", "valid", "test"):
        if split_name not in loaded.pairs.splits:
            raise UsageError(
                f"No row is in the split '{split_name}'.", fix="Name it for some rows, or leave splits out."
            )
    return loaded


def load_probe(recipe: Recipe, probe: Probe, open_space: OpenSpace, say: Callable[[str], None]) -> Loaded:
    """A suite that is only measured; of one split alone if the recipe names it."""
    loaded = _load(recipe, probe, open_space, say)
    pairs = loaded.pairs.where(probe.split) if probe.split is not None else loaded.pairs
    if not len(pairs):
        raise UsageError(f"The probe '{probe.name}' has no row of the split '{probe.split}'.", fix="Name another.")
    return replace(loaded, pairs=pairs, notes=())


def _load(recipe: Recipe, what: Probe, open_space: OpenSpace, say: Callable[[str], None]) -> Loaded:
    if (what.pairs is None) == (what.features is None):
        raise UsageError(f"'{what.name}' needs exactly one of pairs and features.", fix='Write pairs = "pairs.jsonl".')
    if what.features is not None:
        folder = recipe.path(what.features)
        index = sha256((folder / "pairs.json").read_bytes()).hexdigest() if (folder / "pairs.json").is_file() else ""
        return Loaded(pairs=Pairs.load(folder), files=((what.features, index),))
    path = recipe.path(what.pairs or "")
    told = list(lines(path))
    sources = _Sources.of(recipe, open_space)
    say(f"{path.name}: {len(told)} lines, embedded with {sources.words}")
    embedding = _Embedding(sources)
    good = [each for each in told if isinstance(each, Line)]
    failures = [each for each in told if isinstance(each, LineFailure)]
    rows: list[tuple[Line, dict[str, Row]]] = []
    for start in range(0, len(good), ITEMS_A_BATCH):
        batch = good[start : start + ITEMS_A_BATCH]
        for line, answer in zip(batch, embedding.rows(batch), strict=True):
            if isinstance(answer, LineFailure):
                failures.append(answer)
            else:
                rows.append((line, answer))
    if not rows:
        raise UsageError(
            f"No line of {path} can be used.", fix=failures[0].error.fix if failures else "Write some lines."
        )
    failures.sort(key=lambda each: each.number)
    digest = sha256(path.read_bytes()).hexdigest()
    return Loaded(
        pairs=_pairs(rows),
        failures=tuple(failures),
        space=sources.space.embedder.space,
        towers={modality: each.embedder.space for modality, each in sources.towers.items()},
        files=((what.pairs or "", digest),),
    )


def _pairs(rows: Sequence[tuple[Line, dict[str, Row]]]) -> Pairs:
    modalities = sorted({name for _, held in rows for name in held})
    return Pairs(
        views={name: Views.of([held.get(name) for _, held in rows]) for name in modalities},
        concepts=tuple(line.concept for line, _ in rows),
        splits=tuple(line.split for line, _ in rows),
        keys=tuple(line.key for line, _ in rows),
    )


def _told(space: Space) -> dict[str, str]:
    return {"name": space.name, "fingerprint": space.fingerprint}


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Source:
    """What embeds, and what it has embedded before."""

    embedder: Embeds
    cache: FeatureCache


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sources:
    """The space's own towers, and those that single modalities have instead."""

    space: _Source
    towers: Mapping[str, _Source]

    @classmethod
    def of(cls, recipe: Recipe, open_space: OpenSpace) -> Self:
        def source(name: str | None) -> _Source:
            embedder = open_space(name)
            return _Source(embedder=embedder, cache=FeatureCache(recipe.path(recipe.data.cache), embedder.space))

        towers = {modality: source(name) for modality, name in recipe.data.towers.items()}
        for modality, each in towers.items():
            if modality not in each.embedder.space.modalities:
                raise UsageError(
                    f"'{each.embedder.space.name}' has no tower for '{modality}', and data.towers names it for that.",
                    fix=f"It has {', '.join(each.embedder.space.modalities)}.",
                )
        return cls(space=source(recipe.data.space), towers=towers)

    @property
    def words(self) -> str:
        others = "".join(f", {modality} with '{each.embedder.space.name}'" for modality, each in self.towers.items())
        return f"'{self.space.embedder.space.name}'{others}"

    def for_modality(self, modality: str) -> _Source:
        return self.towers.get(modality, self.space)


@final
class _Embedding:
    """Lines to rows of vectors, embedding only what the caches do not hold."""

    def __init__(self, sources: _Sources) -> None:
        self._sources = sources

    def rows(self, batch: Sequence[Line]) -> Iterator[dict[str, Row] | LineFailure]:
        """One answer a line, in order."""
        keys: dict[tuple[str, str | Path], str | ItemError] = {}
        for line in batch:
            for modality, item in _items(line):
                keys[modality, item] = _key(modality, item)
        answers: dict[tuple[str, str | Path], Embedding | ItemError] = {}
        for source in (self._sources.space, *self._sources.towers.values()):
            answers |= self._answers(source, keys)
        for line in batch:
            yield self._row(line, keys, answers)

    def _answers(
        self, source: _Source, keys: Mapping[tuple[str, str | Path], str | ItemError]
    ) -> dict[tuple[str, str | Path], Embedding | ItemError]:
        """What one source makes of those items of its modalities that it has not embedded before."""
        wanted = [
            each
            for each, key in keys.items()
            if self._sources.for_modality(each[0]) is source and isinstance(key, str) and source.cache.get(key) is None
        ]
        answers = dict(zip(wanted, source.embedder.try_embed([item for _, item in wanted]), strict=True))
        source.cache.put(
            {
                str(keys[each]): answer.vector
                for each, answer in answers.items()
                if isinstance(answer, Embedding) and answer.modality == each[0]
            }
        )
        return answers

    def _row(
        self,
        line: Line,
        keys: dict[tuple[str, str | Path], str | ItemError],
        answers: dict[tuple[str, str | Path], Embedding | ItemError],
    ) -> dict[str, Row] | LineFailure:
        held: dict[str, list[Row]] = {}
        for modality, item in _items(line):
            key, answer = keys[modality, item], answers.get((modality, item))
            error = key if isinstance(key, ItemError) else answer if isinstance(answer, ItemError) else None
            if error is not None:
                told = UsageError(f"Its {modality} {item}: {error.cause}", fix=error.fix)
                return LineFailure(number=line.number, error=told)
            if isinstance(answer, Embedding) and answer.modality != modality:
                told = UsageError(
                    f"Its {modality} {item} is of the kind {answer.modality}.", fix="Put it in that column."
                )
                return LineFailure(number=line.number, error=told)
            vector = self._sources.for_modality(modality).cache.get(str(key))
            if vector is not None:
                held.setdefault(modality, []).append(vector)
        return {name: np.stack(vectors) for name, vectors in held.items()}


def _items(line: Line) -> Iterator[tuple[str, str | Path]]:
    for modality, items in line.items.items():
        for item in items:
            yield modality, item


def _key(modality: str, item: str | Path) -> str | ItemError:
    """The cache's name for an item: what it is taken for, and its content."""
    try:
        return blake3(f"{modality}:{content_hash_of(source_of(item))}".encode()).hexdigest()
    except ItemError as error:
        return error
