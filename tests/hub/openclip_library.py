"""open_clip without torchvision, which has no build for every machine: what it takes from there, done with Pillow."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

__all__ = ["open_clip"]


class _Resize:
    """torchvision's: one number is the shorter side, the longer cut to whole pixels."""

    def __init__(self, size: Any, interpolation: Any) -> None:
        self.size, self.interpolation = size, interpolation

    def __call__(self, picture: Image.Image) -> Image.Image:
        if not isinstance(self.size, int):
            return picture.resize((self.size[1], self.size[0]), self.interpolation)
        width, height = picture.size
        short, long = self.size, int(self.size * max(width, height) / min(width, height))
        return picture.resize((short, long) if width <= height else (long, short), self.interpolation)


class _CenterCrop:
    """torchvision's, of pictures that are large enough: half an odd leftover is rounded to even."""

    def __init__(self, size: Any) -> None:
        self.size = size

    def __call__(self, picture: Image.Image) -> Image.Image:
        top = round((picture.height - self.size[0]) / 2)
        left = round((picture.width - self.size[1]) / 2)
        return picture.crop((left, top, left + self.size[1], top + self.size[0]))


class _Compose:
    def __init__(self, steps: list[Callable[[Any], Any]]) -> None:
        self.steps = steps

    def __call__(self, value: Any) -> Any:
        for step in self.steps:
            value = step(value)
        return value


class _ToTensor:
    def __call__(self, picture: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float() / 255


class _Normalize:
    def __init__(self, mean: Any, std: Any) -> None:
        self.mean, self.std = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        return (picture - self.mean) / self.std


class _Stand(ModuleType):
    """A module in which every name is there; what nobody calls here is an empty class."""

    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _pad(picture: Image.Image, around: list[int], fill: int) -> Image.Image:
    left, top, right, bottom = around
    size = picture.width + left + right, picture.height + top + bottom
    padded = Image.new(picture.mode, size, (fill, fill, fill))
    padded.paste(picture, (left, top))
    return padded


def open_clip() -> Any:
    """The library; imported with stand-ins that are gone afterwards, so that nobody else takes them for the real."""
    if "open_clip" not in sys.modules:
        transformers.is_torchvision_available()  # before there are stand-ins; it remembers the answer
        inner = ("", ".transforms", ".transforms.functional", ".ops", ".ops.misc", ".datasets", ".utils")
        stands = {f"torchvision{name}": _Stand(f"torchvision{name}") for name in inner}
        functional, transforms = stands["torchvision.transforms.functional"], stands["torchvision.transforms"]
        vars(functional).update(
            InterpolationMode=Image.Resampling,
            to_tensor=_ToTensor(),
            resize=lambda picture, size, how: picture.resize((size[1], size[0]), how),
            get_dimensions=lambda picture: (3, picture.height, picture.width),
            pad=_pad,
            crop=lambda picture, top, left, height, width: picture.crop((left, top, left + width, top + height)),
        )
        known = {"Resize": _Resize, "CenterCrop": _CenterCrop, "Compose": _Compose, "Normalize": _Normalize}
        vars(transforms).update(known, ToTensor=_ToTensor, InterpolationMode=Image.Resampling, functional=functional)
        vars(stands["torchvision.ops.misc"]).update(FrozenBatchNorm2d=torch.nn.BatchNorm2d)
        vars(stands["torchvision"]).update(transforms=transforms, ops=stands["torchvision.ops"])
        with pytest.MonkeyPatch.context() as patch:
            for name, module in stands.items():
                patch.setitem(sys.modules, name, module)
            pytest.importorskip("open_clip")
    return pytest.importorskip("open_clip")
