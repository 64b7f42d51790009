"""A compact network beside the paper's: a multilayer perceptron of SiLU units.

Smooth, so that forces through it are, and some 400 times fewer multiplications than the paper's
convolutions. RDFs are centred first: most of what a bin holds is the same in every structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from nanochart.chart.network import Network
from nanochart.errors import NanochartError

#: Units of the hidden layers from the input to the bottleneck (docs/learning.md: what was tried).
WIDTHS = (256, 128, 64)


class CompactAutoencoder(Network):
    """RDF in, ``n_cvs`` collective variables, RDF out; both RDFs scaled bin by bin.

    Parameters
    ----------
    n_bins
        Length of the input.
    n_cvs
        Number of nodes of the bottleneck.

    Raises
    ------
    NanochartError
        There is no bin, or no CV.
    """

    kind = "compact"
    centre: Tensor
    spread: Tensor

    def __init__(self, n_bins: int = 280, n_cvs: int = 3) -> None:
        super().__init__(n_bins, n_cvs)
        if n_bins < 1 or n_cvs < 1:
            raise NanochartError(
                f"compact network: {n_bins} bins to {n_cvs} CVs cannot be built; at least 1 of "
                "each is needed"
            )
        self.register_buffer("centre", torch.zeros(n_bins))
        self.register_buffer("spread", torch.ones(()))
        self.encoder = perceptron((n_bins, *WIDTHS, n_cvs))
        self.decoder = perceptron((n_cvs, *reversed(WIDTHS), n_bins))

    def fit_to(self, inputs: Tensor) -> None:
        """Centre on the mean of the training inputs, shape (n, n_bins), and take their spread."""
        spread, centre = torch.std_mean(inputs.double(), dim=0, correction=0)
        self.centre.copy_(centre)
        self.spread.copy_(spread.square().mean().sqrt().clamp(min=torch.finfo(torch.float32).tiny))

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the CVs, shape (batch, n_cvs), of scaled RDFs, shape (batch, n_bins)."""
        return self.encoder((inputs - self.centre) / self.spread)  # type: ignore[no-any-return]

    def decode(self, cvs: Tensor) -> Tensor:
        """Return the scaled RDFs, shape (batch, n_bins), that CVs, (batch, n_cvs), stand for."""
        return self.decoder(cvs) * self.spread + self.centre  # type: ignore[no-any-return]


def perceptron(widths: Sequence[int]) -> nn.Sequential:
    """Return linear layers from width to width, with SiLU between them."""
    layers: list[nn.Module] = []
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
