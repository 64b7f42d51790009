"""What every network of a chart has: RDF in, collective variables, RDF out."""

from __future__ import annotations

from torch import Tensor, nn


class Network(nn.Module):
    """An autoencoder of scaled RDFs.

    Parameters
    ----------
    n_bins
        Length of input and output.
    n_cvs
        Number of collective variables.
    """

    #: What it is called in a run file and in a chart's file.
    kind: str

    def __init__(self, n_bins: int, n_cvs: int) -> None:
        super().__init__()
        self.n_bins = n_bins
        self.n_cvs = n_cvs

    def fit_to(self, inputs: Tensor) -> None:
        """Take from the training inputs, (n, n_bins), what is not learnt; nothing by default."""

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the CVs, shape (batch, n_cvs), of scaled RDFs, shape (batch, n_bins)."""
        raise NotImplementedError

    def decode(self, cvs: Tensor) -> Tensor:
        """Return the scaled RDFs, shape (batch, n_bins), that CVs, (batch, n_cvs), stand for."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the reconstruction, shape (batch, n_bins), of scaled RDFs, (batch, n_bins)."""
        return self.decode(self.encode(inputs))
