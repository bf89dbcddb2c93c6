"""Every family of checkpoints that there is an adapter for, asked in order whose a folder is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from commonspace.core.errors import ModelError
from commonspace.encode.hub.checkpoint import Checkpoint, Family
from commonspace.encode.hub.clap import ClapFamily
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.gemma import GemmaFamily
from commonspace.encode.hub.image_encoders import ImageEncoderFamily
from commonspace.encode.hub.naflex import NaFlexFamily
from commonspace.encode.hub.native import NativeFamily
from commonspace.encode.hub.onnx_folder import OnnxFamily
from commonspace.encode.hub.openclip import OpenClipFamily
from commonspace.encode.hub.pairs import ImageTextFamily
from commonspace.encode.hub.places import name_of
from commonspace.encode.hub.quantised import QuantisedFamily
from commonspace.encode.hub.querying import QueryingFamily
from commonspace.encode.hub.qwen import QwenFamily
from commonspace.encode.hub.sentences import SentenceFamily
from commonspace.encode.hub.sound_encoders import SoundEncoderFamily
from commonspace.encode.hub.static_vectors import StaticFamily
from commonspace.encode.hub.suspicion import refuse_hostile
from commonspace.encode.hub.xclip import XClipFamily
from commonspace.encode.remote.family import RemoteFamily
from commonspace.encode.several.description import Member
from commonspace.encode.several.family import SeveralFamily
from commonspace.encode.several.members import member_folder, read_space

__all__ = ["FAMILIES", "contradictions", "read_checkpoint"]


def _member(home: CheckpointFolder, member: Member) -> Checkpoint:
    """A space that another is made of."""
    from commonspace.encode.catalog import folder_of

    return read_space(member_folder(home, member, folder_of), read_checkpoint)


def _claimant(folder: CheckpointFolder) -> Family:
    """The family that a folder is of, int8 copies aside.

    Raises:
        ModelError: there is none.
    """
    for family in FAMILIES:
        if not isinstance(family, QuantisedFamily) and family.claims(folder):
            return family
    config = folder.maybe_json("config.json")
    kind = config.get("model_type") or config.get("architectures") or "of no stated type"
    extra = " and brings Python code of its own, which is never run" if "auto_map" in config else ""
    raise ModelError(
        f"The model in {folder.path} is {str(kind)[:80]}{extra}; no adapter here knows it.",
        fix="Use a model of a family in docs/models.md, or write a tower (docs/add-a-tower.md).",
    )


FAMILIES: Final[Sequence[Family]] = (
    QuantisedFamily(_claimant),
    SeveralFamily(_member),
    RemoteFamily(),
    StaticFamily(),
    OnnxFamily(),
    SentenceFamily(),
    QwenFamily(),
    GemmaFamily(),
    NativeFamily(),
    OpenClipFamily(),
    ImageTextFamily(),
    NaFlexFamily(),
    QueryingFamily(),
    ClapFamily(),
    XClipFamily(),
    SoundEncoderFamily(),
    ImageEncoderFamily(),
)


def read_checkpoint(path: Path, *, hashed: bool = True) -> Checkpoint:
    """Read the model in a folder, whatever family it is of; nothing is loaded.

    Without ``hashed`` the fingerprint is empty and the weights' bytes are not read: enough to list it, not to use it.

    Raises:
        ModelError: no adapter knows it, or its files are damaged, contradict themselves or lead out of the folder.
    """
    folder = CheckpointFolder(path, hashed=hashed)
    with contradictions(path):
        refuse_hostile(folder)
        copied = next((each for each in FAMILIES if isinstance(each, QuantisedFamily) and each.claims(folder)), None)
        return (copied or _claimant(folder)).read(folder, name_of(path))


@contextmanager
def contradictions(path: Path) -> Iterator[None]:
    """Answer whatever a lying configuration or damaged weights raise while the block runs with a ModelError.

    Raises:
        ModelError: the files in ``path`` do not make a model.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, ImportError, LookupError, MemoryError, OSError) as error:
        raise _damaged(path, error) from error
    except (RecursionError, RuntimeError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"The files in {path} do not make a model: {type(error).__name__}: {str(error)[:300]}.",
        fix="Download the model again; if that does not help, it cannot be used here.",
    )
