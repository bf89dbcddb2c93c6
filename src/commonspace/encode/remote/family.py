"""A provider's model as a space: a folder with ``remote.json``; refused unless a person allows data to leave."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import Any, Final, Protocol, final

import numpy as np

from commonspace.core.errors import ModelError, UsageError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.hub.checkpoint import Checkpoint, Demands
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running
from commonspace.encode.remote.formats import FORMATS, Asked
from commonspace.encode.remote.specification import Role, Specification
from commonspace.encode.tower import Features, Preparation, Tower

__all__ = ["AsItIs", "Line", "RemoteFamily", "RemoteTower"]

VERSION: Final = 1
NAME: Final = "remote.json"
IMAGE_SIDE: Final = 1024
ROLES: Final = (Role.PASSAGE, Role.QUERY)
LOG = logging.getLogger(__name__)


@final
class RemoteFamily:
    """Towers that ask a provider. The provider may change its model unseen: no fingerprint can cover that."""

    name = "remote provider"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the folder holds ``remote.json``."""
        return folder.has(NAME)

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read what it says; nobody is asked.

        Raises:
            ModelError: it says what cannot be done.
        """
        model = Specification.read(folder.json(NAME))
        pictures = Modality.IMAGE in model.modalities
        space = Space(
            name=name,
            dimension=model.dimension,
            towers=model.modalities,
            composed=(Modality.VIDEO,) if pictures else (),
            fingerprint=folder.fingerprint([], _recipe(self.name, model)),
        )

        def tower(modality: Modality, running: Running) -> Tower:
            if not running.remote:
                raise UsageError(
                    f"'{name}' would send what it embeds to {model.host}, and that is not allowed here.",
                    fix="Set allow_remote = true (COMMONSPACE_ALLOW_REMOTE=1), or use a space that runs here.",
                )
            LOG.warning("%s: what is embedded leaves this machine and goes to %s", name, model.host)
            return RemoteTower(modality, model, _caller(model))

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations=_preparations(model, Role.PASSAGE),
            asking=_preparations(model, Role.QUERY),
            tower=tower,
            demands=Demands(image_side=IMAGE_SIDE),
            licence="the provider's terms",
            description=f"DATA LEAVES THIS MACHINE: {model.model} at {model.host} embeds {_list(model.modalities)}.",
            notes=(f"What is embedded goes to {model.host}.",),
            leaves_to=model.host,
        )


@final
@dataclass(frozen=True, slots=True)
class AsItIs:
    """A text's UTF-8, or a picture's PNG, behind one byte that says what it is embedded for."""

    role: Role

    def __call__(self, content: Content) -> Features:
        """Make one text or picture ready to be sent."""
        if isinstance(content, str):
            data = content.encode("utf-8")
        elif isinstance(content, np.ndarray):
            from PIL import Image

            file = BytesIO()
            Image.fromarray(content).save(file, "PNG")
            data = file.getvalue()
        else:
            raise TypeError(f"a remote tower takes texts and pictures, not {type(content).__name__}")
        return np.frombuffer(bytes([ROLES.index(self.role)]) + data, dtype=np.uint8)


class Line(Protocol):
    """The way to a provider."""

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a body, and give the object that comes back."""
        ...


@final
class RemoteTower:
    """Asks a provider for vectors, a batch at a time, and brings them to unit length."""

    def __init__(self, modality: Modality, model: Specification, caller: Line) -> None:
        self._modality = modality
        self._model = model
        self._caller = caller
        self._format = FORMATS[model.provider]
        self.prepare: Preparation = AsItIs(Role.PASSAGE)

    @property
    def modality(self) -> Modality:
        """What it encodes."""
        return self._modality

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode what was made ready to unit vectors, one row each, in order.

        Raises:
            ModelError: the provider cannot be reached, refuses, or answers with something else than asked.
        """
        rows = np.empty((len(batch), self._model.dimension), dtype=np.float32)
        most = min(self._model.batch_items, self._format.most)
        order = sorted(range(len(batch)), key=lambda place: int(batch[place][0]))
        for number, group in groupby(order, key=lambda place: int(batch[place][0])):
            places = list(group)
            for start in range(0, len(places), most):
                some = places[start : start + most]
                rows[some] = self._asked(ROLES[number], [batch[place][1:].tobytes() for place in some])
        return rows

    def _asked(self, role: Role, items: Sequence[bytes]) -> Vectors:
        if self._modality is Modality.TEXT:
            asked = Asked(role=role, texts=[each.decode("utf-8") for each in items])
        else:
            asked = Asked(role=role, pictures=items)
        path, body = self._format.request(self._model, asked)
        return self._rows(self._caller.post(path, body), len(items))

    def _rows(self, answer: Mapping[str, Any], num_items: int) -> Vectors:
        """The answer's vectors, held against what was asked for."""
        try:
            rows = np.asarray(self._format.rows(answer), dtype=np.float32)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._strange(f"without vectors ({type(error).__name__})") from error
        if rows.shape != (num_items, self._model.dimension):
            raise self._strange(f"vectors of shape {rows.shape}, not {(num_items, self._model.dimension)}")
        if not np.isfinite(rows).all() or not (np.linalg.norm(rows, axis=1) > 0).all():
            raise self._strange("vectors that are no directions (zeros, or numbers that are none)")
        return unit(rows)

    def _strange(self, what: str) -> ModelError:
        return ModelError(
            f"{self._model.model} at {self._model.host} answers with {what}.",
            fix="Correct model and dimension in remote.json.",
        )


def _recipe(family: str, model: Specification) -> dict[str, Any]:
    return {
        "family": family,
        "version": VERSION,
        "provider": model.provider,
        "address": model.base_url,
        "model": model.model,
        "dimension": model.dimension,
        "roles": {str(role): told for role, told in model.roles.items()},
    }


def _preparations(model: Specification, role: Role) -> dict[Modality, Preparation]:
    return {modality: AsItIs(role) for modality in model.modalities}


def _caller(model: Specification) -> Line:
    """The way to the provider; the key is read here, kept in the client's headers, and nowhere else."""
    from commonspace.encode.remote.call import Caller

    key = os.environ.get(model.key_variable, "") if model.key_variable else ""
    if model.key_variable and not key:
        raise ModelError(
            f"The environment variable {model.key_variable} holds no key for {model.host}.",
            fix=f"Set {model.key_variable}, or correct key_variable in remote.json (null where none is needed).",
        )
    return Caller(model.base_url, FORMATS[model.provider].headers(key) if key else {}, model.timeout_seconds)


def _list(modalities: Sequence[Modality]) -> str:
    return " and ".join(f"{modality}s" for modality in modalities)
