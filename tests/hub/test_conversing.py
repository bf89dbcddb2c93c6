"""Models that converse give sentence-transformers' vectors, and templates that mean harm end in errors."""

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commonspace.core.errors import ItemError, ModelError
from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.hub.chat import Template
from commonspace.encode.hub.families import read_checkpoint
from commonspace.encode.hub.gemma_inputs import GemmaSounds
from commonspace.encode.hub.given_media import Role, unpacked
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import WORDS
from tests.hub.conversing import FAMILIES
from tests.hub.encoders import sounds
from tests.hub.parity import check
from tests.hub.test_pairs import pictures

RATE = 16_000
KINDS = [("qwen3-vl", "text"), ("qwen3-vl", "image")]
KINDS += [("embedding-gemma-2", sense) for sense in ("text", "image", "audio")]

Models = dict[str, tuple[Path, Any, Embedder]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """Each family's folder, that library's model, and ours. What it loads its processor by asks for torchvision."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import transformer

    made = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, make in FAMILIES.items():
            folder = tmp_path_factory.mktemp("conversing") / name
            folder.mkdir()
            processor = make(folder)
            loader = type("Loader", (), {"from_pretrained": staticmethod(lambda *_, made=processor, **__: made)})
            patch.setattr(transformer, "AutoProcessor", loader)
            library = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
            made[name] = folder, library, catalog.load(folder, Plan(), threads=1)
        yield made


def contents(sense: str) -> list[Any]:
    made = {"text": lambda: WORDS, "image": pictures, "audio": lambda: sounds(RATE)}
    return list(made[sense]())


def given(content: Any) -> Any:
    """A content as that library takes it, without guessing whether a text is a path."""
    if isinstance(content, str):
        return {"text": content}
    return {"array": content.array, "sampling_rate": RATE} if isinstance(content, Audio) else content


@pytest.mark.parametrize(("name", "sense"), KINDS, ids=str)
def test_vectors_are_the_library_s_alone_and_in_any_batch(models: Models, name: str, sense: str) -> None:
    _, library, embedder = models[name]
    items = contents(sense)
    expected = np.stack([library.encode_document([given(each)])[0] for each in items])

    alone = np.concatenate([embedder.embed([each]) for each in items])

    check(("transformers", name, sense), expected, alone, embedder.embed(items * 2))
    assert expected.std(axis=0).mean() > 0.01
    asked = library.encode_query([given(items[0])])[0]
    np.testing.assert_allclose(embedder.query(items[0]).vector, asked, atol=1e-5)
    assert np.abs(asked - expected[0]).max() > 1e-3


def test_towers_and_what_decoding_is_asked_for_follow_the_network(models: Models) -> None:
    qwen, gemma = (models[name][2] for name in FAMILIES)

    assert qwen.space.towers == (Modality.TEXT, Modality.IMAGE)
    assert gemma.space.towers == (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)
    assert (gemma.preparer.plan.audio_rate, gemma.preparer.plan.audio_window_seconds) == (RATE, 30)
    assert (qwen.space.dimension, gemma.space.dimension) == (32, 24)


def test_preparations_travel_to_other_processes(models: Models) -> None:
    for _, _, embedder in models.values():
        prepare = embedder.preparer.for_queries().preparations[Modality.TEXT]
        assert pickle.loads(pickle.dumps(prepare))("a dog").tolist() == prepare("a dog").tolist()  # noqa: S301


def test_a_picture_too_thin_for_the_model_is_an_item_at_fault(models: Models) -> None:
    with pytest.raises(ItemError, match="too thin"):
        models["qwen3-vl"][2].preparer.preparations[Modality.IMAGE](np.zeros((2, 402, 3), np.uint8))


def test_a_model_that_chats_is_refused_with_what_it_lacks(models: Models, tmp_path: Path) -> None:
    folder = shutil.copytree(models["qwen3-vl"][0], tmp_path / "chat")
    (folder / "1_Pooling/config.json").write_text('{"pooling_mode": "mean"}')
    with pytest.raises(ModelError, match="pools conversations by lasttoken"):
        read_checkpoint(folder)

    (folder / "modules.json").unlink()
    with pytest.raises(ModelError, match=r"no modules\.json"):
        read_checkpoint(folder)


@pytest.mark.parametrize("seconds", [0.011, 0.02, 0.5, 31.0], ids=str)
def test_log_mels_are_the_library_s(seconds: float) -> None:
    from transformers import Gemma4AudioFeatureExtractor

    extractor = Gemma4AudioFeatureExtractor()
    [clip] = sounds(RATE, (seconds,))
    expected = extractor([clip.array], return_tensors="np")

    found = unpacked(GemmaSounds.read(json.loads(extractor.to_json_string()), Role.PASSAGE)(clip)).values

    np.testing.assert_array_equal(found[:, 0] > 0, expected["input_features_mask"][0])
    np.testing.assert_allclose(found[:, 1:], expected["input_features"][0], atol=1e-4)


HARMFUL = {
    "a loop over letters": "{% for a in 'aaaa' %}{{ a }}{% endfor %}",
    "long loops": "{% for a in range(10 ** 9) %}a{% endfor %}",
    "many calls": "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "multiplied text": "{{ 'a' * 10000000000 }}",
    "a way out": "{{ messages.__class__.__mro__ }}{{ messages[0]['content'][0]['text'].__class__.__base__ }}",
    "nothing shown": "{{ bos_token }}",
    "all shown twice": "{{ messages[0].content[0].text }}{{ messages[0].content[0].text }}",
    "a refusal": "{{ raise_exception('no') }}",
    "no template": "{% if %}",
}


@pytest.mark.parametrize("source", HARMFUL.values(), ids=HARMFUL)
def test_a_harmful_template_is_refused_without_being_run_to_its_end(source: str) -> None:
    with pytest.raises(ModelError):
        Template(source=source, given={"bos_token": "<bos>"}).around_text("")


def test_a_template_that_strips_texts_is_followed() -> None:
    frame = Template(source="a{{ messages[1].content[0].text | trim }}b", given={}).around_text("sys")

    assert (frame.before, frame.after, frame.stripped) == ("a", "b", True)
