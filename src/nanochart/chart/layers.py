"""The layers that a network sends its input through, in order, as the modules themselves tell.

One forward pass with a hook on every module that has no children: kinds, shapes and numbers of
parameters are those of the object, whatever network it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """One layer, as it was passed."""

    kind: str  #: name of its class: "Conv1d"
    inputs: tuple[int, ...]  #: shape of what goes in, without the batch
    outputs: tuple[int, ...]  #: shape of what comes out, without the batch
    n_parameters: int
    kernel: int | None = None  #: of a convolution


def layers_of(model: nn.Module, n_bins: int) -> tuple[Layer, ...]:
    """Return the layers of a network in the order in which they are passed.

    Parameters
    ----------
    model
        Takes scaled RDFs, shape (batch, n_bins).
    n_bins
        Length of its input.
    """
    passed: list[Layer] = []

    def note(module: nn.Module, given: tuple[Any, ...], returned: Tensor) -> None:
        kernel = getattr(module, "kernel_size", None)
        passed.append(
            Layer(
                kind=type(module).__name__,
                inputs=tuple(given[0].shape[1:]),
                outputs=tuple(returned.shape[1:]),
                n_parameters=sum(one.numel() for one in module.parameters()),
                kernel=int(kernel[0]) if isinstance(kernel, tuple) else kernel,
            )
        )

    leaves = [one for one in model.modules() if not any(one.children())]
    hooks = [one.register_forward_hook(note) for one in leaves]
    training = model.training
    first = next(model.parameters())
    try:
        with torch.no_grad():
            # Few signals: many would take the fast way round the modules.
            model.eval()(torch.zeros(2, n_bins, dtype=first.dtype, device=first.device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return tuple(passed)
