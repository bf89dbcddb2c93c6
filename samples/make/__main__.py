"""Rebuilds the sample media from unpacked Debian packages: ``python -m samples.make demo|labelled ROOTS``.

``ROOTS`` holds one folder a package, named like it and filled by ``dpkg-deb -x``. ``rsvg-convert``, ``fluidsynth`` and
``espeak-ng`` are needed on the path.
"""

import argparse
from pathlib import Path

from samples.make.labelled import build_labelled

_REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> None:
    """Build what the command line asks for, in its place in the repository."""
    parser = argparse.ArgumentParser(prog="python -m samples.make", description=__doc__)
    parser.add_argument("what", choices=("demo", "labelled"))
    parser.add_argument("roots", type=Path, help="folder with one unpacked package a folder")
    arguments = parser.parse_args()
    if arguments.what == "labelled":
        made = build_labelled(arguments.roots, _REPOSITORY / "tests" / "data" / "labelled")
    else:
        from samples.make.demo import build_demo

        made = build_demo(arguments.roots, _REPOSITORY / "samples")
    print(f"{made} files made")


if __name__ == "__main__":
    main()
