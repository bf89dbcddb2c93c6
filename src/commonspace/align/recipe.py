"""A recipe: everything a training run is asked to do, read strictly from TOML into frozen values.

An unknown key is an error that names it and suggests the nearest. Paths are relative to the recipe's own folder.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, final, get_args, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from commonspace.align.gate import GateSpec
from commonspace.align.mixing import Mixing
from commonspace.align.negatives import HardNegatives
from commonspace.align.plan import Plan, Schedule
from commonspace.align.terms import Contrast, Distil, Relate, StayClose, Structure
from commonspace.core.errors import UsageError

__all__ = ["ClosedForms", "Data", "FusionRecipe", "HeadRecipe", "Probe", "Recipe", "Split", "Sweep", "read"]

STRICT = ConfigDict(extra="forbid", str_min_length=1)
Share = Annotated[float, Field(gt=0, lt=1)]
Loss = Annotated[Contrast | Distil | Relate | Structure | StayClose, Field(discriminator="kind")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How rows without a split are dealt out: these shares of the concepts (or rows), the rest for training."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    valid: Share = 0.1
    test: Share = 0.2
    by: Literal["concept", "row"] = "concept"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Where the rows come from: ``pairs`` (a file of texts and media paths) or ``features`` (a folder of saved pairs).

    A file of pairs is embedded with the towers of ``space``, once: vectors are cached in ``cache`` by content.
    ``towers`` names another space (or a checkpoint's folder) for single modalities, whose heads then lead into it.
    ``allow_leaks`` names modalities whose equal content may stand in two splits.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    pairs: str | None = None
    features: str | None = None
    space: str | None = None
    towers: Mapping[str, str] = field(default_factory=dict)
    cache: str = "feature-cache"
    split: Split = field(default_factory=Split)
    allow_leaks: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """The head of one modality: its make and start, what it goes on from, and what stood in its place before.

    ``start_from`` is a saved head to go on training, with low-rank adapters alone if ``rank`` is above zero.
    ``base`` names views that a gated head takes as its base. ``before`` is what the gate holds it against: "features"
    (they are vectors of the space already), "view:NAME", a saved head's folder, or "nothing"; "auto" is ``start_from``,
    else the base, else the features if the space's own towers made them, else nothing.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: Literal["identity", "linear", "residual", "gated"] = "residual"
    hidden: Annotated[int, Field(ge=1)] = 1024
    blocks: Annotated[int, Field(ge=0)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    start: Literal["identity", "random", "zero-last", "given"] = "zero-last"
    skip: Literal["linear", "identity", "fixed"] = "linear"
    gate: Annotated[float, Field(gt=0, lt=1)] = 0.1
    base: str | None = None
    start_from: str | None = None
    rank: Annotated[int, Field(ge=0)] = 0
    before: str = "auto"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForms:
    """The baselines without training; each strength is tried, and the one that is best on ``valid`` is measured."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    strengths: Annotated[tuple[float, ...], Field(min_length=1)] = (0.01, 0.1, 1.0, 10.0)
    max_rows: Annotated[int, Field(ge=2)] = 50_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """WiSE-FT: weights between the start (0) and the trained end (1), measured at each ``alphas``.

    ``choose`` is the alpha that comes out: a number, or "auto": the best on the valid split in the directions that may
    change, among those that keep every other direction of the probes within the gate's tolerance.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    alphas: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    choose: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FusionRecipe:
    """Things known in several ``parts`` at once: late, early and hybrid fusion, trained after the heads and compared.

    ``parts`` are modalities, or views that are vectors of the space already. ``hidden`` and ``dropout`` shape the early
    and the hybrid network; ``hide`` is how often their training hides a part that is there.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    parts: Annotated[tuple[str, ...], Field(min_length=2)]
    hidden: Annotated[int, Field(ge=1)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    hide: Annotated[float, Field(ge=0, lt=1)] = 0.3

    @property
    def name(self) -> str:
        """How tables and folders call it: ``image+audio``."""
        return "+".join(self.parts)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A suite that is measured and never learned from: saved pairs or a file of pairs, like ``data``."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str
    pairs: str | None = None
    features: str | None = None
    split: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole run. ``folder`` is the recipe's own, where its paths start."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    data: Data
    heads: Annotated[dict[str, HeadRecipe], Field(min_length=1)]
    description: str = "Heads that align modalities."
    licence: str = "not stated"
    losses: tuple[Loss, ...] = (Contrast(),)
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = "auto"
    training: Schedule = field(default_factory=Schedule)
    mixing: Mixing = field(default_factory=Mixing)
    negatives: HardNegatives = field(default_factory=HardNegatives)
    closed_forms: ClosedForms = field(default_factory=ClosedForms)
    sweep: Sweep = field(default_factory=Sweep)
    probes: tuple[Probe, ...] = ()
    fusions: tuple[FusionRecipe, ...] = ()
    gate: GateSpec = field(default_factory=GateSpec)
    folder: Path = Path()

    def path(self, named: str) -> Path:
        """A path that the recipe names."""
        return self.folder / Path(named).expanduser()

    @property
    def plan(self) -> Plan:
        """What the loop is to do."""
        return Plan(
            terms=self.losses,
            schedule=self.training,
            mixing=self.mixing,
            negatives=self.negatives,
            seed=self.seed,
            device=self.device,
        )


def read(path: Path, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe; ``overrides`` are dotted names with values as TOML writes them (``training.steps`` = ``500``).

    Raises:
        UsageError: the file cannot be read, a key is unknown, or a value makes no sense.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The recipe {path} cannot be read: {error}.", fix="Name a TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path} is not TOML: {error}.", fix="Correct the line; docs/train.md has an example."
        ) from error
    for name, value in (overrides or {}).items():
        _put(document, name, _value(value))
    if "folder" in document:
        raise _unknown(("folder",), path)
    try:
        return TypeAdapter(Recipe).validate_python({**document, "folder": path.parent})
    except ValidationError as error:
        raise _invalid(error, path) from error


def _value(text: str) -> Any:
    """A value as TOML writes it; what is none is taken as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    *groups, last = name.split(".")
    place: Any = document
    for group in groups:
        if isinstance(place, list) and group.isdigit() and int(group) < len(place):
            place = place[int(group)]
        elif isinstance(place, dict):
            place = place.setdefault(group, {})
        else:
            raise UsageError(
                f"There is no '{group}' to set in '{name}'.", fix="Lists are counted from 0: losses.0.weight."
            )
    if not isinstance(place, dict):
        raise UsageError(f"'{name}' does not name one value.", fix="Lists are counted from 0: losses.0.weight.")
    place[last] = value


def _invalid(error: ValidationError, path: Path) -> UsageError:
    """The first thing wrong, by its place in the file."""
    first = error.errors(include_url=False)[0]
    place = tuple(str(part) for part in first["loc"])
    if first["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return _unknown(place, path)
    name = ".".join(part for part in place if part not in LOSSES)
    if first["type"] in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return UsageError(f"{path} lacks '{name}'.", fix="docs/train.md lists every key.")
    reason = first["msg"].removeprefix("Value error, ")
    return UsageError(
        f"'{name}' in {path} is {first['input']!r}: {reason[:1].lower()}{reason[1:]}.",
        fix="docs/train.md lists every key, its values and its default.",
    )


LOSSES: dict[str, type] = {
    kind: each
    for each in (Contrast, Distil, Relate, Structure, StayClose)
    for kind in get_args(get_type_hints(each)["kind"])
}


def _unknown(place: Sequence[str], path: Path) -> UsageError:
    """An unknown key, with what stands nearest to it among the keys that its table has."""
    known = _keys(place[:-1])
    close = get_close_matches(place[-1], known, n=1)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    where = ".".join(part for part in place if part not in LOSSES)
    return UsageError(f"{path} has an unknown key '{where}'.", fix=f"{hint}It may be one of: {', '.join(known)}.")


def _keys(table: Sequence[str]) -> list[str]:
    """The keys of a table of the recipe, by its place."""
    kind: Any = Recipe
    for part in table:
        if part in LOSSES:
            kind = LOSSES[part]
        elif is_dataclass(kind):
            kind = get_type_hints(kind).get(part, kind)
            kind = next((each for each in (kind, *get_args(kind)) if is_dataclass(each)), kind)
    return sorted(each.name for each in fields(kind) if each.name != "folder") if is_dataclass(kind) else []
