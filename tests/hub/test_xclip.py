"""X-CLIP gives the library's vectors of texts and of clips, and a film comes to it in clips of as many frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from commonspace.core.errors import UnsupportedModality
from commonspace.core.item import Clip
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.hub.samples import sample_contents
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import END, PAD, START, TEXT, VISION, WORDS, save_tokenizer
from tests.hub.parity import check
from tests.hub.test_pairs import pictures, rows
from tests.unit.ingest.test_video import film

FRAMES = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import CLIPImageProcessor, XCLIPConfig, XCLIPModel

    made = tmp_path_factory.mktemp("hub") / "xclip"
    torch.manual_seed(7)
    marks = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
    text = {**TEXT, **marks, "vocab_size": 400, "max_position_embeddings": 77}
    several = {"mit_hidden_size": 16, "mit_intermediate_size": 37, "mit_num_attention_heads": 4, "num_frames": FRAMES}
    heads = {"projection_dim": 16, "prompt_num_attention_heads": 4}
    model = XCLIPModel(XCLIPConfig(text_config=text, vision_config={**VISION, **several}, **heads))
    for name, weights in model.named_parameters():
        if weights.ndim > 1 and "embedding" not in name:
            torch.nn.init.normal_(weights, std=0.3)
    torch.nn.init.normal_(model.mit.position_embedding, std=0.3)
    model.save_pretrained(made)
    processor = CLIPImageProcessor(size={"shortest_edge": 30}, crop_size={"height": 30, "width": 30})
    processor.save_pretrained(made)
    save_tokenizer(made, most=77)
    return made


@pytest.fixture(scope="module")
def library(folder: Path) -> tuple[Any, Any, Any]:
    from transformers import AutoImageProcessor, AutoTokenizer, XCLIPModel

    model = XCLIPModel.from_pretrained(folder, local_files_only=True).eval()
    return model, AutoTokenizer.from_pretrained(folder), AutoImageProcessor.from_pretrained(folder)


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return catalog.load(folder, Plan(), threads=1)


def clips() -> list[Clip]:
    """Films of different sizes, whose frames come in an order that matters."""
    random = np.random.default_rng(3)
    sizes = [(30, 30), (48, 64), (90, 33), (31, 30)]
    return [Clip(frames=random.integers(0, 256, (FRAMES, *size, 3), dtype=np.uint8)) for size in sizes]


def test_texts_have_the_library_s_vectors_alone_and_in_any_batch(
    library: tuple[Any, Any, Any], embedder: Embedder
) -> None:
    model, tokenizer, _ = library
    expected = []
    for text in WORDS:
        given = tokenizer(text, truncation=True, max_length=77, return_tensors="pt")
        wanted = {name: given[name] for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            expected.append(rows(model.get_text_features(**wanted))[0])

    alone = np.concatenate([embedder.embed([word]) for word in WORDS])

    check(("transformers", "xclip", "text"), np.stack(expected), alone, embedder.embed(WORDS * 3))


def test_clips_have_the_library_s_vectors_alone_and_in_any_batch(
    library: tuple[Any, Any, Any], embedder: Embedder
) -> None:
    model, _, processor = library
    expected = []
    for clip in clips():
        given = processor(images=list(clip.frames), return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            expected.append(rows(model.get_video_features(pixel_values=given[None]))[0])

    tower = embedder.tower(Modality.VIDEO)
    features = [tower.prepare(clip) for clip in clips()]
    alone = np.concatenate([tower.encode([each]) for each in features])

    check(("transformers", "xclip", "video"), np.stack(expected), alone, tower.encode(features * 3))
    backwards = tower.encode([each[::-1] for each in features])
    assert (backwards * alone).sum(axis=1).max() < 0.9999


def test_a_film_becomes_clips_with_their_times_and_one_vector_for_all(embedder: Embedder, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], sound_seconds=2.0))

    prepared = embedder.preparer.value(path)

    assert [piece.modality for piece in prepared.pieces] == [Modality.VIDEO, Modality.VIDEO]
    assert [(p.span.start_seconds, p.span.end_seconds) for p in prepared.pieces if p.span] == [(0, 6), (6, 12)]
    assert {piece.features.shape for piece in prepared.pieces} == {(FRAMES, 30, 30, 3)}
    assert np.linalg.norm(embedder.embed([path])[0]) == pytest.approx(1.0, abs=1e-5)


def test_pictures_have_no_tower_and_the_error_says_what_has(embedder: Embedder) -> None:
    with pytest.raises(UnsupportedModality, match="it has text, video"):
        embedder.embed([pictures()[0]])


def test_a_clip_of_other_length_is_thinned_or_filled_evenly(embedder: Embedder) -> None:
    prepare = embedder.tower(Modality.VIDEO).prepare
    numbered = Clip(frames=np.broadcast_to(np.arange(9, dtype=np.uint8)[:, None, None, None], (9, 30, 30, 3)))

    assert prepare(numbered)[:, 0, 0, 0].tolist() == [1, 3, 5, 7]
    assert prepare(Clip(frames=numbered.frames[:2]))[:, 0, 0, 0].tolist() == [0, 0, 1, 1]


def test_there_are_samples_to_examine_it_with(embedder: Embedder) -> None:
    tower = embedder.tower(Modality.VIDEO)
    vectors = tower.encode([tower.prepare(each) for each in sample_contents(Modality.VIDEO, 16_000)])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
