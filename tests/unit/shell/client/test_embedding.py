"""What the clients send to be embedded, and what they make of the answers, over real HTTP."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from commonspace.core.errors import ItemError, SpaceMismatch, Unavailable, UnsupportedModality, UsageError
from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.encode.embedder import Embedding
from commonspace.shell.client import Bounds
from tests.unit.shell.client.conftest import Asking
from tests.unit.shell.client.fake import FakeService, content_of, json, vector_of


def picture(colour: str = "red") -> Image.Image:
    return Image.new("RGB", (16, 12), colour)


def png(colour: str = "red") -> bytes:
    out = io.BytesIO()
    picture(colour).save(out, "PNG")
    return out.getvalue()


def test_texts_come_back_as_unit_rows_in_order(ask: Asking) -> None:
    texts = [f"text {number}" for number in range(5)]

    rows = ask("embed", texts)

    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.stack([vector_of(text) for text in texts]))


def test_many_items_travel_in_several_requests_and_keep_their_order(ask: Asking, service: FakeService) -> None:
    texts = [f"text {number}" for number in range(23)]

    rows = ask("embed", texts, how={"bounds": Bounds(request_items=4, requests_at_a_time=3)})

    assert sorted(len(seen.document["input"]) for seen in service.seen) == [3, 4, 4, 4, 4, 4]
    np.testing.assert_array_equal(rows, np.stack([vector_of(text) for text in texts]))
    assert service.most_at_once <= 3


def test_requests_are_bounded_in_bytes_and_a_large_item_goes_alone(ask: Asking, service: FakeService) -> None:
    ask("embed", ["a" * 60, "b" * 60, "c" * 500, "d"], how={"bounds": Bounds(request_bytes=100)})

    assert sorted([len(each) for each in seen.document["input"]] for seen in service.seen) == [[1], [60], [60], [500]]


def test_nothing_asks_for_nothing(ask: Asking, service: FakeService) -> None:
    assert ask("embed", []).shape[0] == 0
    assert service.seen == []


def test_each_kind_of_item_is_sent_as_a_part_of_its_kind(ask: Asking, service: FakeService, tmp_path: Path) -> None:
    (tmp_path / "odd.name").write_bytes(png())
    (tmp_path / "note.txt").write_text("a note", "utf-8")
    sound = Audio(np.linspace(-1, 1, 800, dtype=np.float32), 8000)

    items = ["a text", tmp_path / "odd.name", png("blue"), picture("green"), sound, tmp_path / "note.txt"]
    answers = ask("try_embed", items)

    (seen,) = service.seen
    text, file, media, value, heard, note = seen.document["input"]
    assert text == "a text"
    assert note == "a note"
    assert file == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(png())}"}}
    assert content_of(media) == content_of({**media, "image_url": {"url": f"x,{b64(png('blue'))}"}})
    assert value["image_url"]["url"].startswith("data:image/png;base64,")
    assert heard["input_audio"]["format"] == "wav"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(heard["input_audio"]["data"])), dtype="float32")
    np.testing.assert_array_equal(samples, sound.array)
    assert rate == 8000
    image, audio, words = Modality.IMAGE, Modality.AUDIO, Modality.TEXT
    assert [answer.modality for answer in answers] == [words, image, image, image, audio, words]


def test_a_picture_arrives_pixel_by_pixel(ask: Asking, service: FakeService) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)

    ask("embed", [Image.fromarray(noise)])

    encoded = service.seen[0].document["input"][0]["image_url"]["url"].partition(",")[2]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)))), noise)


def test_integer_sound_keeps_its_samples(ask: Asking, service: FakeService) -> None:
    samples = np.array([[0, -32768], [32767, 5]] * 400, dtype=np.int16)

    ask("embed", [Audio(samples, 16000)])

    encoded = service.seen[0].document["input"][0]["input_audio"]["data"]
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="int16")[0], samples)


def test_half_characters_do_not_stop_a_text(ask: Asking, service: FakeService) -> None:
    ask("embed", ["half \ud800 here"])

    assert service.seen[0].document["input"] == ["half \ufffd here"]


def test_dimensions_model_and_priority_are_passed_on(ask: Asking, service: FakeService) -> None:
    rows = ask("embed", ["a"], dimensions=4, priority="bulk", how={"model": "nano", "api_key": "secret-key"})

    (seen,) = service.seen
    assert rows.shape == (1, 4)
    assert {name: seen.document[name] for name in ("model", "dimensions", "encoding_format")} == {
        "model": "nano",
        "dimensions": 4,
        "encoding_format": "base64",
    }
    assert seen.headers["x-commonspace-class"] == "bulk"
    assert seen.headers["authorization"] == "Bearer secret-key"


def test_a_bad_item_answers_with_its_error_and_the_others_go_on(ask: Asking, tmp_path: Path) -> None:
    items = ["one", "bad", tmp_path / "gone.png", "two", 7, "bad again", tmp_path]

    answers = ask("try_embed", items, how={"bounds": Bounds(request_items=3)})

    codes = [answer.item_code if isinstance(answer, ItemError) else None for answer in answers]
    assert codes == [None, "bad", "vanished", None, "bad_value", "bad again", "not_a_file"]
    vectors = [answer.vector for answer in answers if isinstance(answer, Embedding)]
    np.testing.assert_array_equal(np.stack(vectors), np.stack([vector_of("one"), vector_of("two")]))


def test_embed_raises_the_first_bad_item_in_order(ask: Asking) -> None:
    items = ["one", "two", "bad first", "bad second"]

    with pytest.raises(ItemError) as caught:
        ask("embed", items, how={"bounds": Bounds(request_items=1)})

    assert caught.value.item_code == "bad first"
    assert caught.value.fix == "Mend it."


def test_a_kind_that_the_space_has_no_tower_for_is_told_as_in_the_library(ask: Asking) -> None:
    with pytest.raises(UnsupportedModality):
        ask("embed", [b"%PDF-1.7 ..."])


def test_a_bare_array_is_no_item(ask: Asking) -> None:
    with pytest.raises(ItemError, match="anything"):
        ask("embed", [np.zeros(3)])


def test_one_text_instead_of_a_list_is_a_mistake(ask: Asking) -> None:
    with pytest.raises(UsageError, match="embed"):
        ask("embed", "a text")


def test_the_receipt_sums_up_what_was_used(ask: Asking) -> None:
    answers = ask("try_embed", ["a", "b", "c"], how={"bounds": Bounds(request_items=2)})

    assert len(answers) == 3
    assert answers.receipt.requests == 2
    assert answers.receipt.fingerprint == "f" * 16
    assert answers.receipt.usage["total_tokens"] == 3


def test_a_space_that_changes_between_two_requests_is_noticed(ask: Asking, service: FakeService) -> None:
    service.fingerprints = ["a" * 16, "b" * 16]

    with pytest.raises(SpaceMismatch, match="changed its space"):
        ask("embed", ["a", "b"], how={"bounds": Bounds(request_items=1)})


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"data": [{"index": 5, "embedding": "AAAAAA=="}]},
        {"data": [{"index": 0, "embedding": "AA"}]},
        {"data": []},
    ],
)
def test_an_answer_that_is_none_is_told(ask: Asking, service: FakeService, document: object) -> None:
    service.faults = [lambda _: json(document)]

    with pytest.raises(Unavailable, match="something else"):
        ask("embed", ["a"])


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
