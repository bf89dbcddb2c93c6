"""Joins two spaces through texts, and sets spaces side by side: embeds, fits, and writes the new space's folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import orjson

from commonspace.align.bridge import TEXT, ClosedBridge, Form, Side, closed_bridge, save_affine
from commonspace.align.manifest import code_version
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedder, Embedding
from commonspace.encode.several.description import Description, Kind, Member, Route
from commonspace.encode.several.making import Ingredient, bundle_space, make_space, require_free, write_shifts

__all__ = ["FORMS", "BridgePlan", "BridgeReport", "Listener", "Method", "bridge", "bundle"]

Method = Literal["trained", "ridge", "procrustes", "cca"]
FORMS: Final[tuple[Form, ...]] = ("procrustes", "ridge", "cca")
BATCH_ITEMS: Final = 256
SIDES: Final = ("first", "second")

Listener = Callable[[str, int, int], None]
"""Told what is being done, how much of it is, and of how many."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BridgePlan:
    """What a bridge is made from. ``reads`` says whose text tower the new space has: the first's, or both's mean.

    ``images`` and ``sounds`` are files that belong to no text and to one another not either.
    """

    name: str
    texts: Sequence[str]
    images: Sequence[Path] = ()
    sounds: Sequence[Path] = ()
    method: Method = "trained"
    reads: Literal["first", "both"] = "both"
    steps: int = 300
    seed: int = 0
    options: Mapping[str, float] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeReport:
    """How it went. ``scores`` tell how well each way brings held-out texts together (mean reciprocal rank)."""

    folder: Path
    space: str
    method: Method
    scores: Mapping[str, float]
    num_texts: int
    num_media: Mapping[str, int]
    num_failed: int

    def to_dict(self) -> dict[str, Any]:
        """The report as it stands in JSON."""
        return {**asdict(self), "folder": str(self.folder)}


def bridge(
    first: tuple[Ingredient, Embedder], second: tuple[Ingredient, Embedder], out: Path, plan: BridgePlan, say: Listener
) -> BridgeReport:
    """Join two spaces through the texts that both embed; ``out`` becomes the new space's folder.

    The second takes the modalities that it has, the first the others, texts apart.

    Raises:
        UsageError: a space has no text tower, there is nothing to join, too few texts, or ``out`` is in use.
    """
    require_free(out)
    routes = _taken(first[0].space, second[0].space)
    media = {Modality.IMAGE: plan.images, Modality.AUDIO: plan.sounds}
    work = _Work(embedders=(first[1], second[1]), say=say)
    sides = work.sides(
        list(dict.fromkeys(plan.texts)), {name: (routes[name], media[name]) for name in media if name in routes}
    )
    fitted = _fitted(sides, plan, say)
    members = (first[0], second[0])
    report = _report(out, plan, sides, fitted.scores, work.num_failed)
    shifts = {f"{place}.{name}": row for place, side in enumerate(sides) for name, row in side.shifts.items()}
    readers = (0, 1) if plan.reads == "both" else (0,)
    wanted = [(Modality.TEXT, place) for place in readers] + sorted(routes.items())
    used = {_shift(*each, shifts) for each in wanted}

    def fill(draft: Path) -> None:
        fitted.save(draft / "maps")
        write_shifts(draft, {name: row for name, row in shifts.items() if name in used})
        record = _record(report, plan, members)
        (draft / "run.json").write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        (draft / "card.md").write_text(_card(report, plan, members, routes), "utf-8")

    def describe(held: tuple[Member, ...]) -> Description:
        return Description(
            name=plan.name,
            kind=Kind.BRIDGE,
            members=held,
            routes=tuple(_route(*each, fitted.mapped, shifts) for each in wanted),
            licence=_licence(members),
            description=f"{members[0].space.name} and {members[1].space.name} joined through texts.",
        )

    make_space(out, members, describe, fill=fill)
    return report


def bundle(ingredients: Sequence[Ingredient], out: Path, name: str) -> Path:
    """Set spaces side by side; ``out`` becomes the new space's folder.

    Raises:
        UsageError: there are too few or too many, a weight is not above zero, or ``out`` is in use.
    """
    total = sum(each.weight for each in ingredients)
    lines = [
        f"- {each.space.name}: weight {each.weight / total:.3g}, {', '.join(each.space.towers)}" for each in ingredients
    ]
    card = "\n".join([f"# {name}", "", "A bundle: docs/spaces.md tells how its scores are made.", "", *lines, ""])
    return bundle_space(out, ingredients, name=name, licence=_licence(ingredients), card=card)


@final
@dataclass(slots=True, kw_only=True)
class _Work:
    """Embedding with both spaces, counting what could not be."""

    embedders: tuple[Embedder, Embedder]
    say: Listener
    num_failed: int = 0

    def sides(self, texts: list[str], media: Mapping[Modality, tuple[int, Sequence[Path]]]) -> tuple[Side, Side]:
        """The texts that both could read, and what each side sees or hears."""
        rows = [self._rows(place, "texts", texts) for place in (0, 1)]
        good = [place for place in range(len(texts)) if rows[0][place] is not None and rows[1][place] is not None]
        self.num_failed += len(texts) - len(good)
        memory: list[dict[str, Vectors]] = [{}, {}]
        for modality, (place, paths) in media.items():
            found = [row for row in self._rows(place, f"{modality}s", list(paths)) if row is not None]
            self.num_failed += len(paths) - len(found)
            if found:
                memory[place][modality.value] = np.stack(found)
        kept = [np.stack([row[place] for place in good]) if good else np.zeros((0, 1), np.float32) for row in rows]
        return Side(texts=kept[0], memory=memory[0]), Side(texts=kept[1], memory=memory[1])

    def _rows(self, place: int, what: str, items: Sequence[str | Path]) -> list[Any]:
        rows: list[Any] = []
        for start in range(0, len(items), BATCH_ITEMS):
            answers = self.embedders[place].try_embed(items[start : start + BATCH_ITEMS])
            rows += [answer.vector if isinstance(answer, Embedding) else None for answer in answers]
            self.say(f"{what}, {self.embedders[place].space.name}", len(rows), len(items))
        return rows


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """What was chosen, how it is saved, and which sides it maps."""

    save: Callable[[Path], None]
    mapped: tuple[bool, bool]
    scores: Mapping[str, float]


def _fitted(sides: tuple[Side, Side], plan: BridgePlan, say: Listener) -> _Fitted:
    first, second = (side.centred() for side in sides)
    closed = {form: closed_bridge(first, second, form, seed=plan.seed) for form in FORMS}
    scores: dict[str, float] = {form: made.score for form, made in closed.items()}
    if plan.method != "trained":
        made = closed[plan.method]
        return _Fitted(
            save=lambda folder: _save_closed(folder, made),
            mapped=(made.maps[0] is not None, made.maps[1] is not None),
            scores=scores,
        )
    from commonspace.align.bridge_training import Training, trained_bridge
    from commonspace.align.heads import save_head

    training = Training(steps=plan.steps, **plan.options)  # type: ignore[arg-type]
    start = max(closed.values(), key=lambda each: each.score)
    trained = trained_bridge(
        first, second, start, training, seed=plan.seed, report=lambda step, _: say("training", step, training.steps)
    )

    def save(folder: Path) -> None:
        for name, head in zip(SIDES, trained.heads, strict=True):
            save_head(folder / name, head, trained.spec)

    return _Fitted(save=save, mapped=(True, True), scores={**scores, "trained": trained.score})


def _save_closed(folder: Path, made: ClosedBridge) -> None:
    for name, affine in zip(SIDES, made.maps, strict=True):
        if affine is not None:
            save_affine(folder / name, affine)


def _taken(first: Space, second: Space) -> dict[Modality, int]:
    """Which side takes each modality, texts apart.

    Raises:
        UsageError: a space has no texts, or neither has anything else.
    """
    for space in (first, second):
        if Modality.TEXT not in space.towers:
            raise UsageError(
                f"The space '{space.name}' has no text tower: there is nothing to join it through.",
                fix="Bridge spaces that both read texts.",
            )
    taken = dict.fromkeys(first.towers, 0) | dict.fromkeys(second.towers, 1)
    del taken[Modality.TEXT]
    if set(taken.values()) != {0, 1}:
        raise UsageError(
            f"'{first.name}' and '{second.name}' bring nothing to each other beside texts.",
            fix="Bridge spaces of different modalities; what both have is taken from the second.",
        )
    return taken


def _report(
    out: Path, plan: BridgePlan, sides: tuple[Side, Side], scores: Mapping[str, float], num_failed: int
) -> BridgeReport:
    return BridgeReport(
        folder=out,
        space=plan.name,
        method=plan.method,
        scores={name: round(score, 4) for name, score in scores.items()},
        num_texts=len(sides[0].texts),
        num_media={name: len(rows) for side in sides for name, rows in side.memory.items()},
        num_failed=num_failed,
    )


def _route(modality: Modality, place: int, mapped: tuple[bool, bool], shifts: Mapping[str, Vectors]) -> Route:
    return Route(
        modality=modality,
        member=place,
        map=f"maps/{SIDES[place]}" if mapped[place] else None,
        shift=_shift(modality, place, shifts),
    )


def _shift(modality: Modality, place: int, shifts: Mapping[str, Vectors]) -> str | None:
    """The name of what is taken off: the modality's own mean, else its side's texts', or nothing without a memory."""
    return next((name for name in (f"{place}.{modality.value}", f"{place}.{TEXT}") if name in shifts), None)


def _licence(members: Sequence[Ingredient]) -> str:
    licences = dict.fromkeys(each.licence for each in members)
    if len(licences) == 1:
        return members[0].licence
    return "; ".join(f"{each.space.name}: {each.licence}" for each in members)


def _record(report: BridgeReport, plan: BridgePlan, members: Sequence[Ingredient]) -> dict[str, Any]:
    """What a person needs to know how the bridge was made, or to make it again."""
    told = report.to_dict()
    del told["folder"]
    return {
        **told,
        "texts_sha256": sha256("\n".join(plan.texts).encode()).hexdigest(),
        "reads": plan.reads,
        "steps": plan.steps if plan.method == "trained" else None,
        "options": dict(plan.options),
        "seed": plan.seed,
        "members": [{"name": each.space.name, "fingerprint": each.space.fingerprint} for each in members],
        "code": code_version(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _card(report: BridgeReport, plan: BridgePlan, members: Sequence[Ingredient], taken: Mapping[Modality, int]) -> str:
    media = ", ".join(f"{count} {name}" for name, count in report.num_media.items()) or "none"
    names = " and ".join(each.space.name for each in members)
    lines = [
        f"# {plan.name}",
        "",
        f"{names}, made comparable through {report.num_texts} texts that both embed. No two media were ever paired.",
        "",
        *(f"- {modality}: by {members[place].space.name}" for modality, place in sorted(taken.items())),
        f"- text: by {'both, their mean' if plan.reads == 'both' else members[0].space.name}",
        f"- Method: {plan.method}; unpaired media: {media}; seed {plan.seed}.",
        f"- Licence: {_licence(members)}.",
        "",
        "| way | held-out texts brought together (mean reciprocal rank) |",
        "|---|---|",
        *(f"| {name} | {score:.3f} |" for name, score in report.scores.items()),
        "",
        "The table speaks of texts. Nothing here was measured on pictures with sounds: `commonspace evaluate` can be.",
        "",
    ]
    return "\n".join(lines)
