"""Build the corpus: ``python -m recipes.corpus --sources FOLDER --out FOLDER [--probes FOLDER]``."""

import argparse
from pathlib import Path

from recipes.corpus.build import build, summary
from recipes.corpus.fetch import Sources
from recipes.corpus.gather import gather_pictures
from recipes.corpus.joined import read_sounds
from recipes.corpus.packages import WORDNET
from recipes.corpus.pictures import name_all
from recipes.corpus.record import write_index
from recipes.corpus.sounds_index import index_sounds, write_sounds
from recipes.corpus.wordnet import WordNet
from recipes.nano.audio.containers import package_files
from recipes.nano.audio.corpus import HeldOut
from recipes.nano.audio.gather import decode_all

_WORDNET_SUFFIXES = frozenset({".noun", ".verb", ".adj", ".adv", ".exc", ".rev"})
_HERE = Path(__file__).parent
_HELD_SOUNDS = _HERE.parent / "nano" / "audio" / "held-out.txt"
_LABELLED = _HERE.parents[1] / "tests" / "data" / "labelled"


def main() -> None:
    """Read the arguments, do what is not yet done, write the index and say what it holds."""
    parser = argparse.ArgumentParser(prog="python -m recipes.corpus", description="Build the pairs corpus.")
    parser.add_argument("--sources", type=Path, required=True, help="folder of packages; what is missing is downloaded")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures and everything cached")
    parser.add_argument("--sounds", type=Path, help="the table of sounds, if it was made before")
    parser.add_argument("--probes", type=Path, help="folder of pictures that must not be in the corpus")
    parser.add_argument("--index", type=Path, default=_HERE / "index.tsv.gz", help="where the index is written")
    _build(parser.parse_args())


def _build(arguments: argparse.Namespace) -> None:
    sources = Sources(arguments.sources)
    wordnet = WordNet(_unpack_wordnet(sources.deb(WORDNET), arguments.out / "wordnet"))
    seen = gather_pictures(sources, arguments.out)
    held_out = HeldOut.read(_LABELLED / "heldout.txt")
    sounds: Path = arguments.sounds or arguments.out / "sounds.tsv"
    if not sounds.exists():
        packages = decode_all(arguments.sources / "debs", arguments.sources / "audio", seed=0)
        write_sounds(sounds, index_sounds(packages, wordnet, HeldOut.read(_HELD_SOUNDS)))
    corpus = build(
        [*name_all(seen, wordnet), *read_sounds(sounds)],
        wordnet,
        held_keys={picture.key for picture in seen if picture.blake3 in held_out.hashes},
        labelled=_LABELLED / "images",
        probes=arguments.probes,
    )
    write_index(arguments.index, corpus.records)
    print(summary(corpus))


def _unpack_wordnet(deb: Path, folder: Path) -> Path:
    """Write WordNet's files into ``folder``, once."""
    if not (folder / "data.noun").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in package_files(deb, _WORDNET_SUFFIXES):
            (folder / Path(path).name).write_bytes(data)
    return folder


if __name__ == "__main__":
    main()
