"""One frozen ``Settings``: defaults < commonspace.toml < environment < flags, and where each value came from."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, final

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.ingest.limits import Limits
from commonspace.serve.groups import Cache, Fetch, NetworkedIndex, Objectives, Rates, Server

__all__ = ["CONFIG_VARIABLE", "ENVIRONMENT_PREFIX", "Origin", "Settings", "Weights", "variable"]

ENVIRONMENT_PREFIX = "COMMONSPACE_"
CONFIG_VARIABLE = "COMMONSPACE_CONFIG"
CONFIG_NAME = "commonspace.toml"
NESTING = "__"

Nested = Mapping[str, Any]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One setting by its dotted name, its value in force, and who set it (``default`` if nobody did)."""

    name: str
    value: Any
    source: str
    description: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What the probability of an item of each modality is multiplied by for the ranking."""

    text: float = 1.0
    image: float = 1.0
    audio: float = 1.0
    video: float = 1.0
    sensor: float = 1.0
    table: float = 1.0

    def by_modality(self) -> dict[Modality, float]:
        """The weights under their modalities."""
        return {Modality(name): weight for name, weight in asdict(self).items()}


GROUPS: Mapping[str, type[Any]] = {
    "weights": Weights,
    "limits": Limits,
    "server": Server,
    "objectives": Objectives,
    "rates": Rates,
    "cache": Cache,
    "fetch": Fetch,
    "index": NetworkedIndex,
}


@final
class Settings(BaseSettings):
    """Everything that can be set, read once at the start and handed down from there."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter=NESTING, env_ignore_empty=True
    )

    model: str = Field("nano", min_length=1, description="The space to embed with: a name or a space's folder.")
    models_folder: Path | None = Field(None, description="A folder of spaces, looked in before the installed ones.")
    cache_folder: Path | None = Field(
        None, description="Where exports and measurements of models are kept; else the user's cache folder."
    )
    export_models: bool = Field(
        default=True, description="Export a checkpoint for OpenVINO at first use, where that is as near and quicker."
    )
    allow_remote: bool = Field(
        default=False, description="Let a provider's model embed: what is embedded then leaves this machine."
    )
    store: Path | None = Field(None, description="The store that commands use when --store is not given.")
    workers: int = Field(0, ge=0, le=256, description="Decoding processes; 0 is one a processor core.")
    precision: Literal["auto", "f32", "bf16"] = Field(
        "auto", description="Arithmetic inside the encoders; auto is what the space recommends."
    )
    threads: int = Field(0, ge=0, le=1024, description="Encoder threads; 0 is one a processor core.")
    speech_model: str | None = Field(
        None,
        min_length=1,
        description="Whisper for CTranslate2, a folder or a cached name; with it speech is transcribed.",
    )
    ocr: bool = Field(default=False, description="Read the words in pictures and on scanned pages (extra ocr).")
    reranker_model: Path | None = Field(
        None, description="A cross-encoder's folder; with it the first hits of a search with words are re-ranked."
    )
    weights: Weights = Field(default_factory=Weights, description="What each modality counts in a mixed list.")
    limits: Limits = Field(default_factory=Limits, description="What input may be at most.")
    server: Server = Field(default_factory=Server, description="Where the service listens, and its requests' limits.")
    objectives: Objectives = Field(default_factory=Objectives, description="Milliseconds within which to answer.")
    rates: Rates = Field(default_factory=Rates, description="Compute that a key may use.")
    cache: Cache = Field(default_factory=Cache, description="What remembered answers may take.")
    fetch: Fetch = Field(default_factory=Fetch, description="Whether media are fetched by URL, and from where.")
    index: NetworkedIndex = Field(default_factory=NetworkedIndex, description="A networked store for the vectors.")

    @classmethod
    def load(cls, flags: Nested | None = None) -> Self:
        """Resolve every layer. ``flags`` are dotted names (``limits.item_seconds``) with their values.

        Raises:
            UsageError: an unknown name, a value out of range, or a settings file that cannot be read.
        """
        given = dict(flags or {})
        unknown = sorted(set(given) - set(cls.names()))
        if unknown:
            raise _unknown(unknown[0])
        try:
            return cls(**_nested(given))
        except ValidationError as error:
            raise _invalid(error) from error
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise UsageError(
                f"The settings file {config_path()} cannot be read: {error}.",
                fix="Correct the file (it is TOML), or unset COMMONSPACE_CONFIG.",
            ) from error

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every setting by its dotted name."""
        plain = tuple(name for name in cls.model_fields if name not in GROUPS)
        return plain + tuple(f"{group}.{field.name}" for group, kind in GROUPS.items() for field in fields(kind))

    def origins(self, flags: Nested | None = None) -> Iterator[Origin]:
        """Each setting with its value and the layer that set it; ``flags`` as they were given to ``load``."""
        path = config_path()
        in_file = dict(_flat(TomlConfigSettingsSource(type(self), path)())) if path else {}
        in_environment = dict(_flat(EnvSettingsSource(type(self))()))
        groups = {group: asdict(getattr(self, group)) for group in GROUPS}
        values = {**self.model_dump(exclude=set(GROUPS)), **dict(_flat(groups))}
        for name in self.names():
            source = "default"
            if name in in_file:
                source = str(path)
            if name in in_environment:
                source = variable(name)
            if name in (flags or {}):
                source = "flag"
            top = type(self).model_fields.get(name)
            yield Origin(name=name, value=values[name], source=source, description=(top and top.description) or "")

    @field_validator(*GROUPS, mode="before")
    @classmethod
    def _only_known_names(cls, value: object, about: ValidationInfo) -> object:
        if not isinstance(value, Mapping):
            return value
        group = str(about.field_name)
        known = {field.name: field.default for field in fields(GROUPS[group])}
        unknown = sorted(set(value) - set(known))
        if unknown:
            raise ValueError(f"there is no setting called '{group}.{unknown[0]}'")
        return {name: _several(given) if known[name] == () else given for name, given in value.items()}

    @field_validator("weights")
    @classmethod
    def _only_finite_weights(cls, weights: Weights) -> Weights:
        for name, value in asdict(weights).items():
            if not 0.0 <= value < float("inf"):
                raise ValueError(f"the weight of {name} is {value}; it must be zero or more")
        return weights

    @field_validator("limits", "objectives")
    @classmethod
    def _only_positive(cls, group: Limits | Objectives, about: ValidationInfo) -> Limits | Objectives:
        for name, value in asdict(group).items():
            if not value > 0:
                raise ValueError(f"'{about.field_name}.{name}' is {value}; it must be above zero")
        return group

    @field_validator("server", "rates", "cache", "fetch", "index")
    @classmethod
    def _nothing_below_zero(cls, group: Any, about: ValidationInfo) -> Any:
        for name, value in asdict(group).items():
            if isinstance(value, int | float) and value < 0:
                raise ValueError(f"'{about.field_name}.{name}' is {value}; it must be zero or more")
        return group

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First wins: flags, then environment, then the settings file; no .env and no secrets folder."""
        path = config_path()
        file = (TomlConfigSettingsSource(settings_cls, path),) if path else ()
        return (init_settings, env_settings, *file)


def config_path() -> Path | None:
    """The settings file in force: COMMONSPACE_CONFIG, else commonspace.toml in the current folder, else none.

    Raises:
        UsageError: COMMONSPACE_CONFIG names a file that is not there.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named) if named else Path(CONFIG_NAME)
    if path.is_file():
        return path
    if not named:
        return None
    raise UsageError(
        f"{CONFIG_VARIABLE} names {path}, which is not a file.", fix=f"Correct the path, or unset {CONFIG_VARIABLE}."
    )


def variable(name: str) -> str:
    """The environment variable of a setting: ``limits.item_seconds`` is COMMONSPACE_LIMITS__ITEM_SECONDS."""
    return ENVIRONMENT_PREFIX + name.replace(".", NESTING).upper()


def _several(given: object) -> object:
    """Several values in one word, as a variable or a flag holds them, with commas between."""
    return tuple(filter(None, given.split(","))) if isinstance(given, str) else given


def _nested(flat: Nested) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, last = name.split(".")
        place = nested
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    return nested


def _flat(nested: Nested, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _unknown(name: str) -> UsageError:
    close = get_close_matches(name, Settings.names(), n=1)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return UsageError(
        f"There is no setting called '{name}'.", fix=f"{hint}`commonspace settings show` lists all settings."
    )


def _invalid(error: ValidationError) -> UsageError:
    """The first thing wrong, by the name of its setting."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return _unknown(name)
    reason = first["msg"].removeprefix("Value error, ")
    value = "" if first["type"] == "value_error" else f" is {first['input']!r}"
    return UsageError(
        f"The setting '{name}'{value}: {reason[:1].lower()}{reason[1:]}.",
        fix="`commonspace settings show` lists every setting, its value and where it was set.",
    )
