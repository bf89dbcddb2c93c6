"""Rebuild the audio tower: ``python -m recipes.nano.audio --teacher FOLDER --debs FOLDER --work FOLDER``."""

import argparse
from pathlib import Path

from recipes.nano.audio.pipeline import Inputs, run


def main() -> None:
    """Read the arguments and run every stage that is not yet done."""
    parser = argparse.ArgumentParser(prog="python -m recipes.nano.audio", description="Rebuild the audio tower.")
    parser.add_argument("--teacher", type=Path, required=True, help="folder of yamnet.tflite and yamnet_class_map.csv")
    parser.add_argument("--debs", type=Path, required=True, help="folder of the packages, from apt-get download")
    parser.add_argument("--work", type=Path, required=True, help="folder for everything cached")
    parser.add_argument("--out", type=Path, default=Path("models/nano"), help="folder for the model and its card")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num-steps", type=int, default=500)
    run(Inputs(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
