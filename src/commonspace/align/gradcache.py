"""Batches far larger than memory: the gradient of the whole batch, with only one chunk's activations held at a time.

GradCache (Gao, Zhang, Han and Callan, 2021, arXiv 2101.06983): encode every chunk without a graph; take the loss over
all vectors and its gradient with respect to each; then encode chunk by chunk again, with a graph, and pass each chunk's
part of that gradient down. The result is the whole batch's gradient, not an approximation, because the loss sees the
encoders only through the vectors. Random layers (dropout) draw the same numbers both times. Layers that look across
the batch (batch normalisation in training mode) would see chunks instead, so they do not belong in a branch.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["Encode", "Inputs", "LossOf", "backward"]

Inputs = tuple[Tensor, ...]
"""What one branch takes: tensors of as many rows each."""

Encode = Callable[[Inputs], Tensor]
LossOf = Callable[[Mapping[str, Tensor]], Tensor]


def backward(encoders: Mapping[str, Encode], inputs: Mapping[str, Inputs], loss_of: LossOf, *, chunk: int) -> Tensor:
    """Add the gradient of ``loss_of(vectors)`` to every parameter behind it; returns the loss, without a graph.

    Args:
        encoders: a modality's inputs (num x ...) to its vectors (num x d).
        inputs: by the same names.
        loss_of: the loss of all vectors; parameters of its own get their gradient too.
        chunk: how many rows are encoded at a time; 0 or less encodes the whole batch at once, and only once.
    """
    if chunk <= 0 or all(len(held[0]) <= chunk for held in inputs.values()):
        loss = loss_of({name: encoders[name](held) for name, held in inputs.items()})
        if loss.requires_grad:
            loss.backward()
        return loss.detach()
    vectors, dice = {}, {}
    with torch.no_grad():
        for name, held in inputs.items():
            states, parts = [], []
            for piece in _pieces(held, chunk):
                states.append(_Dice(piece[0]))
                parts.append(encoders[name](piece))
            vectors[name], dice[name] = torch.cat(parts).requires_grad_(), states
    loss = loss_of(vectors)
    if not loss.requires_grad:
        return loss.detach()
    loss.backward()
    for name, held in inputs.items():
        slope = vectors[name].grad
        if slope is not None:
            _pass_down(encoders[name], _pieces(held, chunk), slope.split(chunk), dice[name])
    return loss.detach()


def _pass_down(encode: Encode, pieces: list[Inputs], slopes: tuple[Tensor, ...], dice: "list[_Dice]") -> None:
    """Encode each chunk once more, with the same random numbers, and push its slope through."""
    for piece, slope, state in zip(pieces, slopes, dice, strict=True):
        with state.again():
            vectors = encode(piece)
        if vectors.requires_grad:
            vectors.backward(slope)


def _pieces(held: Inputs, chunk: int) -> list[Inputs]:
    return list(zip(*(tensor.split(chunk) for tensor in held), strict=True))


class _Dice:
    """The state of the random numbers at one moment, to be gone back to."""

    def __init__(self, near: Tensor) -> None:
        self._devices = [near.device] if near.device.type == "cuda" else []
        self._cpu = torch.get_rng_state()
        self._cuda = [torch.cuda.get_rng_state(device) for device in self._devices]

    @contextmanager
    def again(self) -> Iterator[None]:
        """Within the block the numbers come again; outside of it nothing is changed."""
        with torch.random.fork_rng(self._devices):
            torch.set_rng_state(self._cpu)
            for device, state in zip(self._devices, self._cuda, strict=True):
                torch.cuda.set_rng_state(state, device)
            yield
