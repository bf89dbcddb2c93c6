"""Checkpoints that mean harm or are broken, each as one change to a small one that is fine."""

import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.hub.hostile_changes import (
    WEIGHTS,
    Case,
    Change,
    both,
    directory,
    drop,
    edit,
    fifo,
    header,
    index_of,
    link,
    modules,
    payload,
    put,
    tensor,
)
from tests.hub.small import safetensors

__all__ = ["CASES"]

CLIP_FILES: Final = ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")
SENTENCE_FILES: Final = ("config.json", "modules.json", "tokenizer.json", "1_Pooling/config.json")
PICKLES: Final = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl", "flax_model.msgpack")


def _pickles() -> Iterator[tuple[str, str, Change]]:
    for name in PICKLES:
        yield f"only {name}", "clip", both(drop(WEIGHTS), put(name, payload))
        yield f"a module in {name}", "sentences", both(drop(f"2_Dense/{WEIGHTS}"), put(f"2_Dense/{name}", payload))
        yield f"an index of {name}", "clip", both(put(name, payload), index_of(name))
    for protocol, start in enumerate((b"", b"", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        data = lambda folder, start=start: start + payload(folder)  # noqa: E731
        yield f"a pickle {protocol} called safetensors", "clip", put(WEIGHTS, data)
        yield f"a module's pickle {protocol} called safetensors", "sentences", put(f"2_Dense/{WEIGHTS}", data)
    for kind, start in (("zip", b"PK\x03\x04"), ("tar", b"ustar"), ("gzip", b"\x1f\x8b\x08"), ("elf", b"\x7fELF")):
        yield f"a {kind} called safetensors", "clip", put(WEIGHTS, lambda folder, s=start: s + payload(folder))
    yield "an index of pickles alone", "clip", both(drop(WEIGHTS), put("pytorch_model.bin.index.json", b"{}"))


def _code() -> Iterator[tuple[str, str, Change]]:
    own = put("hostile_own.py", lambda folder: f"open({str(folder.parent.parent / 'ran')!r}, 'w')\n".encode())
    for key in ("AutoModel", "AutoConfig", "AutoTokenizer", "AutoModelForCausalLM", "x"):
        yield f"auto_map {key}", "clip", both(own, edit("config.json", auto_map={key: "hostile_own.Own"}))
    for name in ("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"):
        yield f"auto_map in {name}", "clip", both(own, edit(name, auto_map={"AutoProcessor": "hostile_own.Own"}))
    yield (
        "auto_map of text",
        "sentences",
        both(own, edit("config.json", auto_map={"AutoModel": "a/b--hostile_own.Own"})),
    )
    yield (
        "auto_map in a module",
        "sentences",
        both(own, edit("1_Pooling/config.json", auto_map={"x": "hostile_own.Own"})),
    )
    yield "an adapter", "clip", edit("adapter_config.json", base_model_name_or_path="../outside")
    yield (
        "an unknown type",
        "clip",
        both(own, edit("config.json", model_type="hostile_own", architectures=["hostile_own"])),
    )


def _modules() -> Iterator[tuple[str, str, Change]]:
    own = put("hostile_own.py", lambda folder: f"open({str(folder.parent.parent / 'ran')!r}, 'w')\n".encode())
    types = (
        "hostile_own.Own",
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "torch.nn.Linear",
        "",
        None,
        7,
        [],
        {},
    )
    library = ("base.model.torch", "util.misc.import_from_string", "models.WordEmbeddings", "models.BoW", "..Own")
    for each in (
        *types,
        *(f"sentence_transformers.{name}" for name in library),
        "sentence_transformers.models.\u0422ransformer",
    ):
        yield f"a module of type {each!r}", "sentences", both(own, modules(1, type=each))
    for each in ("os.system", "builtins.exec", "torch.load", "torch.hub.load", "hostile_own.Own", 7, None):
        yield f"an activation {each!r}", "sentences", both(own, edit("2_Dense/config.json", activation_function=each))
    for each in ({"a": "hostile_own.Own"}, {"a": "os.system"}, None):
        yield f"a router of {each!r}", "sentences", both(own, edit("router_config.json", types=each))


def _paths() -> Iterator[tuple[str, str, Change]]:
    out = ("../../outside/model.safetensors", "{outside}/model.safetensors", "x/../../../outside/model.safetensors")
    for at, place in enumerate(
        (*out, "..\\outside\\model.safetensors", "a\0b.safetensors", ".safetensors/..", "x" * 5000)
    ):
        yield f"an index leading out {at}", "clip", index_of(place)
    folders = (
        "../../outside",
        "{outside}",
        "1_Pooling/../../../outside",
        "..",
        "a\0b",
        "none",
        "x" * 5000,
        7,
        None,
        ["."],
    )
    for at, place in enumerate(folders):
        yield f"a module leading out {at}", "sentences", modules(1, path=place)
    for name in (*CLIP_FILES, WEIGHTS):
        yield f"{name} is a link out", "clip", link(name)
    for name in (*SENTENCE_FILES, "1_Pooling", "2_Dense", f"2_Dense/{WEIGHTS}"):
        yield f"{name} of sentences is a link out", "sentences", link(name)
    for target in ("/etc/passwd", "/dev/zero", "/proc/self/environ", "/", "..", "nothing"):
        yield f"a link to {target}", "clip", link("extra.json", target)
        yield f"weights linked to {target}", "clip", link(WEIGHTS, target)
    yield "a link to itself", "clip", link("config.json", "config.json")


def _no_files() -> Iterator[tuple[str, str, Change]]:
    for name in (*CLIP_FILES, WEIGHTS):
        yield f"{name} is a pipe", "clip", fifo(name)
    for name in SENTENCE_FILES:
        yield f"{name} of sentences is a pipe", "sentences", fifo(name)
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", WEIGHTS):
        yield f"{name} is a folder", "clip", directory(name)
        yield f"no {name}", "clip", drop(name)
    yield "no modules' config", "sentences", drop("config.json")
    yield "an extra pipe", "clip", fifo("extra.json")
    yield "a socket", "clip", _socket
    yield "nothing", "empty", lambda *_: None
    yield "no folder", "empty", lambda folder, _: folder.rmdir()
    yield "a file for a folder", "empty", _file_for_a_folder


def _file_for_a_folder(folder: Path, _: Path) -> None:
    folder.rmdir()
    folder.write_text("x")


def _socket(folder: Path, _: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may only be short
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.bind("door")
    finally:
        os.chdir(here)


def _weights() -> Iterator[tuple[str, str, Change]]:
    good = safetensors({"t": ("F32", [4, 4], bytes(64))})
    for most in (0, 1, 7, 8, 9, 30, len(good) - 64, len(good) - 1):
        yield f"weights cut at {most}", "clip", put(WEIGHTS, good[:most])
        yield f"a module's weights cut at {most}", "sentences", put(f"2_Dense/{WEIGHTS}", good[:most])
    for more in (1, 8, 1000):
        yield f"weights with {more} bytes more", "clip", put(WEIGHTS, good + bytes(more))
    for length in (0, 1, len(good), 100_000_001, 2**63, 2**64 - 1):
        yield f"a header of {length} bytes", "clip", put(WEIGHTS, struct.pack("<Q", length) + good[8:])
    texts = (
        b"",
        b"x",
        b"[]",
        b"null",
        b"7",
        b'"t"',
        b"\xff\xfe{}",
        b"[" * 5000,
        b'{"t":' * 5000,
        b"{" * 90_000,
        b"\0" * 9,
    )
    for at, text in enumerate(texts):
        yield f"a header that is none {at}", "clip", put(WEIGHTS, header(text))


def _tensors() -> Iterator[tuple[str, str, Change]]:
    offsets = (
        [0, 60],
        [4, 64],
        [64, 0],
        [-64, 0],
        [0, 2**70],
        [0.0, 64.0],
        ["0", "64"],
        [0],
        [0, 32, 64],
        None,
        {},
        7,
        [True, 64],
    )
    for each in offsets:
        yield f"offsets {each!r}", "clip", put(WEIGHTS, header(tensor(data_offsets=each)))
    for each in ([4, 5], [-4, -4], [4.0, 4.0], ["4", "4"], [[4, 4]], [2**40, 2**40], None, "16", {}, [True, 16]):
        yield f"a shape {each!r}", "clip", put(WEIGHTS, header(tensor(shape=each)))
    for each in ("F31", "", None, 7, [], "object"):
        yield f"numbers of type {each!r}", "clip", put(WEIGHTS, header(tensor(dtype=each)))
    for each in (None, [], "x", 7, {}):
        yield f"a tensor that is {each!r}", "clip", put(WEIGHTS, header({"t": each}))
    twice = {**tensor(), "u": tensor()["t"]}
    yield "tensors that overlap", "clip", put(WEIGHTS, header(twice))
    yield (
        "a gap between tensors",
        "clip",
        put(WEIGHTS, header({**tensor(), "u": {"dtype": "U8", "shape": [4], "data_offsets": [68, 72]}}, bytes(72))),
    )
    for each in (None, [], "x", {}, {"t": 7}, {"t": "none.safetensors"}, {"t": "config.json"}):
        yield f"an index of {each!r}", "clip", index_of(each if not isinstance(each, str) else [each])


def _documents() -> Iterator[tuple[str, str, Change]]:
    texts = {
        "empty": b"",
        "cut": b'{"model_type": "cl',
        "no UTF-8": b'{"a": "\xff\xfe"}',
        "a list": b"[1]",
        "null": b"null",
        "deep": b'{"a":' * 100_000,
        "not a number": b'{"a": NaN}',
    }
    for name in CLIP_FILES:
        for kind, text in texts.items():
            yield f"{name} is {kind}", "clip", put(name, text)
        yield f"{name} is huge", "clip", _huge(name)
    for kind in ("empty", "cut", "null", "deep"):
        yield f"modules.json is {kind}", "sentences", put("modules.json", texts[kind])
        yield f"a module's config is {kind}", "sentences", put("1_Pooling/config.json", texts[kind])
    yield "modules.json is huge", "sentences", _huge("modules.json")
    yield "a tokenizer of nothing", "clip", put("tokenizer.json", b'{"model": {}}')
    yield "a tokenizer of another kind", "clip", put("tokenizer.json", b'{"model": {"type": "Hostile", "vocab": {}}}')


def _huge(name: str) -> Change:
    def change(folder: Path, _: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.truncate(20_000_000_000)

    return change


def _lies() -> Iterator[tuple[str, str, Change]]:
    for key, values in {
        "model_type": (None, 7, [], {}, "CLIP\0", "../clip", "🐍", "clip" * 10_000),
        "projection_dim": (-8, "8", [8], 8.5, 10**12),
        "text_config": ("x", 7, {"max_position_embeddings": "x"}, {"max_position_embeddings": []}),
        "hidden_size": (10**9, 1e300),
        "vocab_size": (2**62,),
        "num_hidden_layers": (10**7,),
    }.items():
        for value in values:
            yield f"{key} is {str(value)[:40]!r}", "clip", edit("config.json", **{key: value})
    for value in ({}, {"height": "x"}, {"height": -3, "width": 3}, {"longest_edge": 3}, -3, 0, [], "x", 10**9):
        yield f"a picture of size {value!r}", "clip", edit("preprocessor_config.json", size=value)
    for value in ({"height": -3, "width": 3}, {"height": 10**9, "width": 1}, "x"):
        yield f"a crop of {value!r}", "clip", edit("preprocessor_config.json", crop_size=value, do_center_crop=True)
    for value in (99, "x", -1):
        yield f"resampling {value!r}", "clip", edit("preprocessor_config.json", resample=value)


def _manifests() -> Iterator[tuple[str, str, Change]]:
    good: dict[str, Any] = {
        "format": 1,
        "name": "x",
        "version": "1",
        "licence": "x",
        "description": "x",
        "dimension": 4,
    }
    for name, told in {
        "empty": b"",
        "a list": b"[]",
        "deep": b'{"a":' * 100_000,
        "of another format": b'{"format": 99}',
        "without parts": json.dumps(good).encode(),
        "of unknown parts": json.dumps({**good, "modalities": ["smell"], "parts": {"smell": {}}}).encode(),
        "of parts that are none": json.dumps({**good, "modalities": ["text"], "parts": {"text": []}}).encode(),
    }.items():
        yield f"a manifest {name}", "empty", put("manifest.json", told)
    yield "a manifest that is a pipe", "empty", fifo("manifest.json")
    yield "a huge manifest", "empty", both(put("manifest.json", b"{}"), _huge("manifest.json"))


CASES: Final = tuple(
    Case(name=name, base=base, change=change)
    for cases in (_pickles, _code, _modules, _paths, _no_files, _weights, _tensors, _documents, _lies, _manifests)
    for name, base, change in cases()
)
