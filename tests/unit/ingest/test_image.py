"""Pictures arrive upright, opaque, in RGB, and no larger than the encoder asked for."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from commonspace.core.errors import ItemError
from commonspace.core.item import Decoded
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode, decode_value
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import source_of

PLAN = Plan(image_side=64)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def decoded(data: bytes, plan: Plan = PLAN) -> Decoded:
    return decode(source_of(data), plan)


def pixels(data: bytes, plan: Plan = PLAN) -> np.ndarray:
    content = decoded(data, plan).pieces[0].content
    assert isinstance(content, np.ndarray)
    return content


def corners() -> Image.Image:
    """60 x 40 with four different quarters, so that every turn shows."""
    image = Image.new("RGB", (60, 40), (255, 0, 0))
    image.paste((0, 255, 0), (30, 0, 60, 20))
    image.paste((0, 0, 255), (0, 20, 30, 40))
    image.paste((255, 255, 0), (30, 20, 60, 40))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_would(orientation: int) -> None:
    image = corners()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(image, "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    item = decoded(data)
    assert np.array_equal(pixels(data), expected)
    assert (item.metadata["width"], item.metadata["height"]) == (expected.shape[1], expected.shape[0])
    assert bool(item.notes) == (orientation != 1)


def test_the_shorter_side_is_the_plans_and_the_true_size_is_kept_as_metadata() -> None:
    item = decoded(saved(corners().resize((900, 600))))
    assert pixels(saved(corners().resize((900, 600)))).shape == (64, 96, 3)
    assert item.modality is Modality.IMAGE
    assert item.metadata == {"width": 900, "height": 600, "bit_depth": 8, "format": "PNG"}
    assert item.cost == 900 * 600


def test_a_small_picture_is_not_blown_up() -> None:
    assert pixels(saved(corners())).shape == (40, 60, 3)


def test_a_large_photograph_is_decoded_at_a_reduced_size_but_not_below_the_plans() -> None:
    photo = pixels(saved(corners().resize((4000, 3000)), "JPEG"))
    assert photo.shape == (64, 85, 3)
    assert np.abs(photo[5, 5].astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    data = saved(image.convert(mode)) if mode != "P" else saved(Image.new("P", (32, 32), 0), transparency=0)
    assert (pixels(data) == 255).all()


def test_half_transparent_red_over_white_is_pink_also_after_scaling() -> None:
    shape = pixels(saved(Image.new("RGBA", (640, 640), (255, 0, 0, 128))))
    assert np.abs(shape.reshape(-1, 3).astype(int) - (255, 127, 127)).max() <= 1


@pytest.mark.parametrize(("mode", "colour"), [("1", 1), ("L", 255), ("CMYK", (0, 0, 0, 0)), ("P", 255)])
def test_every_mode_becomes_rgb_bytes(mode: str, colour: object) -> None:
    image = Image.new(mode, (32, 32), colour)  # type: ignore[arg-type]
    if mode == "P":
        image.putpalette([value for value in range(256) for _ in range(3)])
    array = pixels(saved(image, "TIFF"))
    assert array.shape == (32, 32, 3)
    assert array.dtype == np.uint8
    assert (array == 255).all()


def test_sixteen_bits_keep_their_upper_eight() -> None:
    ramp = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    assert np.array_equal(pixels(saved(Image.fromarray(ramp)))[..., 0], ramp >> 8)


def test_floats_are_stretched_and_nan_is_refused() -> None:
    ramp = np.linspace(-3, 7, 1024, dtype=np.float32).reshape(32, 32)
    array = pixels(saved(Image.fromarray(ramp), "TIFF"))
    assert (array.min(), array.max()) == (0, 255)
    ramp[3, 3] = np.nan
    with pytest.raises(ItemError) as caught:
        pixels(saved(Image.fromarray(ramp), "TIFF"))
    assert caught.value.item_code == "not_finite"


def test_an_animation_gives_its_first_frame_and_says_so() -> None:
    first = Image.new("RGB", (32, 32), (255, 0, 0))
    data = saved(first, "GIF", save_all=True, append_images=[Image.new("RGB", (32, 32), (0, 0, 255))])
    assert decoded(data).notes == ("first frame only",)
    assert (pixels(data) == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"image_pixels": 2399}, "too_many_pixels"),
        ({"image_longest_side": 59}, "too_many_pixels"),
        ({"image_shortest_side": 41}, "too_small"),
        ({"image_ratio": 1}, "too_thin"),
        ({"image_bytes": 10}, "too_large"),
    ],
)
def test_each_limit_has_its_code_and_names_the_values(limits: dict[str, int], code: str) -> None:
    with pytest.raises(ItemError) as caught:
        decoded(saved(corners()), replace(PLAN, limits=replace(Limits(), **limits)))
    assert caught.value.item_code == code
    assert any(char.isdigit() for char in caught.value.cause)


def test_a_pillow_image_a_path_and_bytes_give_the_same_pixels(tmp_path: Path) -> None:
    image = corners().resize((300, 200))
    (tmp_path / "a.png").write_bytes(saved(image))
    contents = [decode_value(item, PLAN).pieces[0].content for item in (image, tmp_path / "a.png", saved(image))]
    assert all(np.array_equal(contents[0], content) for content in contents)


def test_a_pillow_image_is_left_as_it_was_and_has_a_hash_of_its_pixels() -> None:
    image = corners()
    before = image.tobytes()
    hashes = {decode_value(picture, PLAN).content_hash for picture in (image, corners(), image.rotate(180))}
    assert len(hashes) == 2
    assert image.tobytes() == before
