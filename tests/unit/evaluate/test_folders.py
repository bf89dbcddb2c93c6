"""Folders in the formats of COCO, ImageNet and AudioCaps are read whole, and what is wrong in them is told by item."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commonspace.core.errors import UsageError
from commonspace.evaluate.class_folders import TEMPLATES, read_class_folders
from commonspace.evaluate.coco import read_coco
from commonspace.evaluate.dataset import Dataset, Task
from commonspace.evaluate.sound_captions import read_audiocaps
from tests.unit.evaluate.layouts import audiocaps, clotho, coco, imagenet, karpathy, picture, write_rows

Read = Callable[[Path], Dataset]


def sizes(task: Task) -> list[tuple[int, int]]:
    return [(len(part.queries), len(part.shelf.documents)) for part in task.parts]


def told(dataset: Dataset) -> list[tuple[str, str]]:
    return [(failure.name, failure.error.item_code) for failure in dataset.failures]


def test_coco_asks_pictures_by_captions_and_captions_by_pictures(tmp_path: Path) -> None:
    dataset = read_coco(coco(tmp_path / "coco"))

    words, media = dataset.tasks
    assert (words.name, sizes(words), sizes(media)) == ("text->image", [(30, 6)], [(6, 30)])
    assert words.parts[0].queries[5].text == "caption 0 of y"
    assert words.parts[0].judgments["101#0"] == {"101": 1}
    assert media.parts[0].judgments["101"] == {f"101#{number}": 1 for number in range(5)}
    assert media.cutoffs == (1, 5, 10)
    assert not dataset.failures
    assert not dataset.notes


def test_folds_part_the_pictures_and_nothing_is_in_two(tmp_path: Path) -> None:
    dataset = read_coco(coco(tmp_path / "coco"), num_folds=3)

    assert [sizes(task) for task in dataset.tasks] == [[(10, 2)] * 3, [(2, 10)] * 3]
    held = [document.id for part in dataset.tasks[0].parts for document in part.shelf.documents]
    assert held == [str(100 + place) for place in range(6)]
    assert len({shelf.name for shelf in dataset.shelves}) == 6


def test_karpathys_split_is_read_with_five_sentences_a_picture(tmp_path: Path) -> None:
    dataset = read_coco(karpathy(tmp_path / "flickr"))

    assert sizes(dataset.tasks[0]) == [(10, 2)]
    assert dataset.tasks[0].parts[0].queries[0].text == "sentence 0 of 1."
    assert dataset.notes == ("1 captions beyond the fifth of their item left out, as is the custom",)
    assert sizes(read_coco(tmp_path / "flickr", split="val").tasks[1]) == [(1, 5)]


def test_missing_pictures_are_told_left_out_and_counted(tmp_path: Path) -> None:
    (coco(tmp_path / "coco") / "val2017" / "000000000102.jpg").unlink()

    dataset = read_coco(tmp_path / "coco")

    assert told(dataset) == [("image 102", "vanished")]
    assert [(sizes(task), task.num_left_out) for task in dataset.tasks] == [([(25, 5)], 5), ([(5, 25)], 1)]
    assert "1 of 6 items are missing" in dataset.notes[0]


def spoil(record: dict[str, Any]) -> dict[str, Any]:
    """Entries of every wrong kind."""
    images = record["images"]
    images[0]["file_name"] = "../../etc/passwd"
    images[1]["file_name"] = 7
    images[3]["file_name"] = "a" * 5000
    images += [images[2], "no record", {"id": True, "file_name": "a.jpg"}, {"id": 9, "file_name": "C:\\a.jpg"}]
    annotations = record["annotations"]
    annotations[10]["caption"] = ["words"]
    return {**record, "annotations": [*annotations, None, {"image_id": 102}]}


def test_wrong_entries_of_coco_fail_one_by_one(tmp_path: Path) -> None:
    path = coco(tmp_path / "coco") / "annotations" / "captions_val2017.json"
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))

    dataset = read_coco(tmp_path / "coco")

    places = ["annotation 10", "annotation 30", "annotation 31", "image 0", "image 1", "image 7", "image 8", "image 9"]
    assert told(dataset) == [(name, "bad_schema") for name in (*places, "image 102")] + [("image 103", "vanished")]
    assert sizes(dataset.tasks[0]) == [(14, 3)]


def test_imagenet_names_pictures_and_asks_for_them_by_class(tmp_path: Path) -> None:
    dataset = read_class_folders(imagenet(tmp_path / "imagenet"))

    naming, asking = dataset.tasks
    assert (sizes(naming), naming.cutoffs, sizes(asking)) == ([(9, 3)], (1, 5), [(3, 9)])
    first = naming.parts[0].shelf.documents[0]
    assert (first.id, first.prompts[0], len(first.prompts)) == ("n01440764", "a photo of a tench.", len(TEMPLATES))
    assert asking.parts[0].queries[2].text == "a photo of a tabby."
    assert len(asking.parts[0].judgments["n02123045"]) == 3


def test_class_folders_may_have_plain_names_and_own_templates(tmp_path: Path) -> None:
    for place, name in enumerate(["tabby_cat", "great  white"]):
        picture(tmp_path / "pets" / name / "1.png", place)
    (tmp_path / "forms.txt").write_text("{}\na drawing of {}\n")

    dataset = read_class_folders(tmp_path / "pets", templates=tmp_path / "forms.txt")

    prompts = [document.prompts for document in dataset.tasks[0].parts[0].shelf.documents]
    assert prompts == [("great white", "a drawing of great white"), ("tabby cat", "a drawing of tabby cat")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("index.json", '{"0": ["n01440764", "tench"], "1": ["n01443537", "gold_fish"], "2": ["n02123045", "tabby"]}'),
        ("plain.json", '{"n01440764": "tench", "n01443537": "gold fish", "n02123045": "tabby"}'),
        ("words.txt", "n01440764\ttench, Tinca\nn01443537\tgold fish\nn02123045\ttabby\n"),
    ],
    ids=["keras", "json", "wordnet"],
)
def test_class_names_are_read_in_every_common_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    dataset = read_class_folders(imagenet(tmp_path / "imagenet"), classes=tmp_path / name)

    assert [query.text[13:-1] for query in dataset.tasks[1].parts[0].queries] == ["tench", "gold fish", "tabby"]


def test_what_is_no_picture_and_classes_without_a_name_are_told(tmp_path: Path) -> None:
    folder = imagenet(tmp_path / "imagenet")
    (folder / "val" / "n01440764" / "notes.txt").write_text("x")
    (folder / "val" / "n01440764" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    picture(folder / "val" / "n99999999" / "1.png", 1)
    (folder / "val" / "n02123045" / "empty").mkdir()

    dataset = read_class_folders(folder)

    assert told(dataset) == [
        ("n99999999", "bad_schema"),
        ("n01440764/lost.png", "vanished"),
        ("n01440764/notes.txt", "wrong_type"),
    ]


def test_audiocaps_finds_clips_by_every_name_and_tells_the_missing(tmp_path: Path) -> None:
    dataset = read_audiocaps(audiocaps(tmp_path / "audiocaps"))

    words, media = dataset.tasks
    assert (sizes(words), words.num_left_out, sizes(media), media.num_left_out) == ([(8, 4)], 2, [(4, 8)], 1)
    assert told(dataset) == [("gone_-gone00_0", "vanished")]
    assert words.parts[0].judgments["-Gf4Ihv2zTc_120#1"] == {"-Gf4Ihv2zTc_120": 1}
    assert [document.files[0].name for document in words.parts[0].shelf.documents] == [
        "--0w1YA1Hm4.wav",
        "Y-AheI8Epim4.wav",
        "-BUWGM7qeUM_10_20.wav",
        "1006.wav",
    ]


def test_clotho_has_five_captions_a_file(tmp_path: Path) -> None:
    dataset = read_audiocaps(clotho(tmp_path / "clotho"), split="evaluation")

    assert [sizes(task) for task in dataset.tasks] == [[(10, 2)], [(2, 10)]]
    assert dataset.tasks[0].parts[0].queries[6].text == "Radio Garble.wav said 1 times"


def test_wrong_lines_of_a_table_fail_one_by_one(tmp_path: Path) -> None:
    folder = audiocaps(tmp_path / "audiocaps")
    with (folder / "test.csv").open("a", encoding="utf-8") as file:
        file.write("2000,--0w1YA1Hm4,thirty,A word\n2001,--0w1YA1Hm4\n2002,,30,A word\n2003,--0w1YA1Hm4,30, \n")
    head = ["file_name", "caption_1", "caption_2"]
    rows = [head, ["a.wav", "x", ""], ["../b.wav", "x", "y"], ["a.wav", "x", "y"], ["", "x", "y"], ["c.wav", "", ""]]
    (tmp_path / "clotho").mkdir()
    write_rows(tmp_path / "clotho" / "t.csv", rows)
    (tmp_path / "clotho" / "a.wav").write_bytes(b"")

    assert [name for name, _ in told(read_audiocaps(folder))][:4] == [f"line {number}" for number in range(12, 16)]
    assert [name for name, _ in told(read_audiocaps(tmp_path / "clotho"))] == [f"line {n}" for n in (2, 3, 4, 5, 6)]


def with_text(name: str, text: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


@pytest.mark.parametrize(
    ("make", "read", "words"),
    [
        (with_text("x", ""), read_coco, "holds no annotation file"),
        (with_text("dataset_coco.json", "{"), read_coco, "is not JSON"),
        (with_text("dataset_coco.json", "[]"), read_coco, "no JSON object"),
        (with_text("dataset_coco.json", '{"images": 3}'), read_coco, "has no list 'images'"),
        (with_text("dataset_coco.json", '{"images": []}'), read_coco, "describes no picture"),
        (with_text("x", ""), read_class_folders, "No class folder"),
        (with_text("words.txt", " "), read_class_folders, "names no class"),
        (with_text("imagenet_class_index.json", '{"0": [1, 2]}'), read_class_folders, "something else than"),
        (with_text("x", ""), read_audiocaps, "its tables: none"),
        (with_text("test.csv", "a,b\n1,2\n"), read_audiocaps, "has the columns a, b"),
        (with_text("test.csv", b"\xff\xfe\x00"), read_audiocaps, "cannot be read"),
        (with_text("test.csv", "file_name,caption_1\na.wav,x\n"), read_audiocaps, "Of the 1 items .* none is there"),
    ],
    ids=[
        "none",
        "cut",
        "list",
        "number",
        "nothing",
        "flat",
        "no-names",
        "odd-names",
        "no-table",
        "odd",
        "utf16",
        "bare",
    ],
)
def test_a_folder_that_makes_no_sense_says_what_is_wrong(
    tmp_path: Path, make: Callable[[Path], None], read: Read, words: str
) -> None:
    make(tmp_path / "data")

    with pytest.raises(UsageError, match=words):
        read(tmp_path / "data")


@pytest.mark.parametrize(
    ("make", "name", "read"),
    [
        (coco, "annotations/captions_val2017.json", read_coco),
        (karpathy, "dataset_coco.json", read_coco),
        (imagenet, "LOC_synset_mapping.txt", read_class_folders),
        (audiocaps, "test.csv", read_audiocaps),
        (clotho, "clotho_captions_evaluation.csv", lambda folder: read_audiocaps(folder, split="evaluation")),
    ],
    ids=["coco", "karpathy", "imagenet", "audiocaps", "clotho"],
)
def test_damaged_annotations_are_read_in_part_or_refused(
    tmp_path: Path, make: Callable[[Path], Path], name: str, read: Read
) -> None:
    path, draw = make(tmp_path / "data") / name, random.Random(3)
    whole = path.read_bytes()
    outcomes: set[type] = set()
    for _ in range(60):
        place, other = draw.randrange(len(whole)), draw.randrange(len(whole))
        cut = [whole[:place], whole[:place] + whole[place + draw.randrange(40) :], whole[:place] + b"\xff"]
        strange = draw.choice([b"null", b'"', b"[", b"\0", b"../", b"1e999", b"\n", whole[other : other + 30]])
        path.write_bytes(draw.choice([*cut, whole[:place] + strange + whole[place:]]))
        try:
            outcomes.add(type(read(tmp_path / "data")))
        except UsageError as error:
            outcomes.add(type(error))

    assert outcomes == {Dataset, UsageError}


def test_more_folds_than_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make no 7 folds"):
        read_coco(coco(tmp_path / "coco"), num_folds=7)


def test_several_annotation_files_are_named(tmp_path: Path) -> None:
    folder = coco(tmp_path / "coco")
    (folder / "captions_val2014.json").write_text("{}")

    with pytest.raises(UsageError, match=r"captions_val2017\.json, captions_val2014\.json"):
        read_coco(folder)
