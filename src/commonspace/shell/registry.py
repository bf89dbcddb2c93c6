"""The models of this machine from Python: show one with what was measured of it, fetch one, make one quicker."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.catalog import SpaceCard
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.checkup import Checkup, Subject, examine, kept_checkup
from commonspace.encode.hub.exports import Export, optimised_folder, optimised_precision
from commonspace.encode.hub.families import read_checkpoint
from commonspace.encode.hub.figures import Figure, figures_of
from commonspace.encode.hub.health import Finding
from commonspace.encode.hub.licences import LicenceKind, kind_of
from commonspace.encode.hub.places import NAME, cache_home, pulled_home, pulled_record
from commonspace.encode.hub.pull import Pulled, Request, verify
from commonspace.encode.hub.pull import pull as fetch
from commonspace.encode.hub.quantise import Quantised
from commonspace.encode.manifest import Manifest
from commonspace.encode.texts import TextPreparation
from commonspace.serve.settings import Settings
from commonspace.shell import wire

__all__ = ["Contract", "Shown", "optimize", "pull", "quantize", "show"]

NANO_RATE: Final = 16_000

Say = Callable[[str], None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a model asks of its inputs: prompts by role, tokens at most, hertz and seconds of sound, arithmetic.

    ``optimised`` is the arithmetic of the export that is used; None where it runs as it came.
    """

    passage_prompt: str | None = None
    query_prompt: str | None = None
    max_tokens: int | None = None
    audio_rate: int | None = None
    audio_window_seconds: float | None = None
    precision: str = "f32"
    optimised: str | None = None
    notes: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that is known of a model here. ``checkup`` is None where nothing was measured and nothing was to be."""

    card: SpaceCard
    contract: Contract
    checkup: Checkup | None
    figures: tuple[Figure, ...]
    warnings: tuple[Finding, ...]
    pulled: dict[str, Any]

    @property
    def licence_kind(self) -> LicenceKind:
        """Whether the licence is known to be free, to restrict, or neither."""
        return kind_of(self.card.licence)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {
            "contract": asdict(self.contract),
            "licence_kind": self.licence_kind.value,
            "measured": self.checkup and self.checkup.to_dict(),
            "figures": [asdict(each) for each in self.figures],
            "warnings": [asdict(each) for each in self.warnings],
            "pulled": self.pulled or None,
        }


def show(
    name: str | None = None,
    settings: Settings | None = None,
    *,
    check: bool = True,
    afresh: bool = False,
    say: Say | None = None,
) -> Shown:
    """Tell all that is known of a model; its health and speed are measured the first time, then remembered.

    Args:
        name: of a space or a checkpoint, or a folder; the settings' model when None.
        settings: from files and environment when None.
        check: measure what was not measured yet (loads every network); never at a provider.
        afresh: measure although it was.
        say: told what is being done.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
        MissingExtra: what runs it is not installed.
    """
    settings = settings or Settings.load()
    folder = catalog.folder_of(name or settings.model, settings.models_folder)
    card, cache = catalog.card_of(folder), _cache(settings)
    checkpoint = None if _embedded(folder) else read_checkpoint(folder)
    told = partial(_contract_of, checkpoint) if checkpoint else partial(_contract_of_manifest, folder)
    contract = told(settings)
    checkup = None if afresh else kept_checkup(cache, _state(card, contract, settings))
    if checkup is None and ((check and not card.leaves_to) or afresh):
        embedder = wire.load(str(folder), settings)
        for modality in card.space.towers:
            embedder.tower(modality)
        contract = told(settings)  # a tower may have been exported just now
        state, rate = _state(card, contract, settings), contract.audio_rate or NANO_RATE
        checkup = examine(
            Subject(towers=card.space.towers, tower=embedder.tower, state=state, audio_rate=rate), cache, say
        )
    changed = tuple(
        Finding(code="changed", message=f"{each} is not the file that was pulled: pull the model again.")
        for each in (verify(folder) if check else ())
    )
    leaving = Finding(code="leaves", message=f"What is embedded leaves this machine and goes to {card.leaves_to}.")
    record = {key: value for key, value in pulled_record(folder).items() if key in {"commit", "revision", "endpoint"}}
    return Shown(
        card=card,
        contract=contract,
        checkup=checkup,
        figures=figures_of(name or card.space.name) or figures_of(card.space.name),
        warnings=(*((leaving,) if card.leaves_to else ()), *changed, *(checkup.warnings if checkup else ())),
        pulled=record,
    )


def pull(
    name: str,
    settings: Settings | None = None,
    *,
    revision: str = "main",
    accept_licence: bool = False,
    to: Path | None = None,
    say: Say | None = None,
) -> Pulled:
    """Fetch a checkpoint from the hub into the folder of pulled models, or another; see ``encode.hub.pull``.

    Raises:
        UsageError: the name is none, the machine is set to stay offline, or the licence asks to be accepted.
        ModelError: it is not to be had, or not what the hub says it is.
        MissingExtra: huggingface_hub is not installed.
    """
    settings = settings or Settings.load()
    folder = to.expanduser() if to else pulled_home(settings.models_folder) / name
    return fetch(Request(name=name, folder=folder, revision=revision, accepted=accept_licence), say)


def optimize(
    name: str,
    settings: Settings | None = None,
    *,
    precision: str | None = None,
    keep: bool = True,
    say: Say | None = None,
) -> list[Export]:
    """Export a checkpoint's towers for OpenVINO in f32 or bf16; used from then on wherever the model is loaded.

    A space made of several has its members exported, one by one, those that PyTorch runs.

    Args:
        name: of the checkpoint, or its folder.
        settings: from files and environment when None.
        precision: f32 or bf16; what this processor is quick in when None.
        keep: use the export from now on; False only measures.
        say: told what is being done.

    Raises:
        ModelError: there is no such checkpoint, or its export is not near enough to the original.
        UsageError: it is an embedded space, which is optimised already, or the precision is none.
        MissingExtra: PyTorch is not installed.
    """
    from tempfile import TemporaryDirectory

    from commonspace.encode.hub.optimise import native_precision
    from commonspace.encode.hub.parts import optimise_parts
    from commonspace.encode.runtime import Precision

    settings = settings or Settings.load()
    checkpoint = _checkpoint(name, settings)
    if precision not in {None, *Precision}:
        raise UsageError(f"There is no precision '{precision}'.", fix="Use f32, bf16 or int8.")
    wanted = Precision(precision) if precision else native_precision()
    run = partial(optimise_parts, checkpoint, precision=wanted, threads=settings.threads or None, say=say)
    if keep:
        return run(_cache(settings))
    with TemporaryDirectory() as away:
        return run(Path(away))


def quantize(
    name: str,
    settings: Settings | None = None,
    *,
    to: Path | None = None,
    pairs: Path | None = None,
    say: Say | None = None,
) -> Quantised:
    """Make a checkpoint's int8 copy, a space of its own called NAME-int8; its loss is told in every direction.

    Args:
        name: of the checkpoint, or its folder.
        settings: from files and environment when None.
        to: where the copy goes; beside the pulled models when None.
        pairs: a folder of files that belong together by their stem (``dog.png`` and ``dog.txt``), to calibrate with.
        say: told what is being done.

    Raises:
        ModelError: there is no such checkpoint, or int8 moves its vectors too far.
        UsageError: it is an embedded space, or the folder holds no pairs.
        MissingExtra: PyTorch or NNCF is not installed.
    """
    from commonspace.encode.hub.paired import paired_contents
    from commonspace.encode.hub.quantise import quantise
    from commonspace.ingest.decode import Plan

    settings = settings or Settings.load()
    checkpoint = _checkpoint(name, settings)
    if checkpoint.members:
        raise UsageError(
            f"'{name}' is made of several spaces; int8 copies are made of one.",
            fix="Make its members' copies, and the space again of those.",
        )
    folder = to.expanduser() if to else pulled_home(settings.models_folder) / f"{_two_part(name, checkpoint)}-int8"
    plan = checkpoint.demands.applied(Plan(limits=settings.limits))
    given = paired_contents(pairs, checkpoint.space.towers, plan) if pairs else None
    return quantise(checkpoint, folder, pairs=given, threads=settings.threads or None, progress=say)


def _state(card: SpaceCard, contract: Contract, settings: Settings) -> str:
    """What a checkup is of: another of these, and it is measured again."""
    return f"{card.space.fingerprint} {contract.precision} {contract.optimised} {settings.threads}"


def _two_part(asked: str, checkpoint: Checkpoint) -> str:
    """ORG/NAME as the model was asked for or calls itself; its folder's name under ``local`` otherwise."""
    if NAME.fullmatch(asked) and not Path(asked).exists():
        return asked
    name = checkpoint.space.name
    return name if "/" in name else f"local/{name}"


def _checkpoint(name: str, settings: Settings) -> Checkpoint:
    folder = catalog.folder_of(name, settings.models_folder)
    if _embedded(folder):
        raise UsageError(f"'{name}' is optimised as it comes.", fix="Name a checkpoint; `commonspace models` has all.")
    return read_checkpoint(folder)


def _cache(settings: Settings) -> Path:
    return settings.cache_folder.expanduser() if settings.cache_folder else cache_home()


def _embedded(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


def _contract_of(checkpoint: Checkpoint, settings: Settings) -> Contract:
    passage, query = checkpoint.preparations.get(Modality.TEXT), checkpoint.asking.get(Modality.TEXT)
    told = passage if isinstance(passage, TextPreparation) else None
    hears = Modality.AUDIO in checkpoint.space.towers
    accepted = optimised_precision(
        optimised_folder(_cache(settings), checkpoint.space.fingerprint), checkpoint.space.towers
    )
    wanted = None if settings.precision == "auto" else settings.precision
    return Contract(
        passage_prompt=told.prefix if told else None,
        query_prompt=query.prefix if isinstance(query, TextPreparation) else told and told.prefix,
        max_tokens=told.max_tokens if told else None,
        audio_rate=checkpoint.demands.audio_rate if hears else None,
        audio_window_seconds=checkpoint.demands.audio_window_seconds if hears else None,
        precision=wanted or accepted or "f32",
        optimised=accepted,
        notes=checkpoint.notes,
    )


def _contract_of_manifest(folder: Path, settings: Settings) -> Contract:
    parts = Manifest.read(folder).parts
    text, audio = (parts[each].preprocessing if each in parts else {} for each in (Modality.TEXT, Modality.AUDIO))
    told = sorted({part.precision.value for part in parts.values()})
    return Contract(
        passage_prompt="" if text else None,
        query_prompt="" if text else None,
        max_tokens=text.get("max_tokens"),
        audio_rate=NANO_RATE if audio else None,
        precision=", ".join(told) if settings.precision == "auto" else settings.precision,
    )
