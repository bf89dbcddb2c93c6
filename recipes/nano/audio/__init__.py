"""The recipe of the embedded space's audio tower: free sounds, a tagger's opinion of them, a small student."""

from pathlib import Path

__all__ = ["build"]

CACHE = Path(".cache/recipes/audio")


def build(out: Path, teacher: Path) -> None:
    """Write ``audio.onnx`` and ``audio.json`` into ``out``, with everything cached under ``.cache/recipes/audio``.

    ``teacher`` is a folder with ``yamnet.tflite`` and ``yamnet_class_map.csv``; the Debian packages are looked for
    in the cache's ``debs`` folder, where ``apt-get download`` can put them.
    """
    from recipes.nano.audio.pipeline import Inputs, run

    run(Inputs(teacher=teacher, debs=CACHE / "debs", work=CACHE, out=out))
