"""The networks there are, by name, and how a chart's file describes one."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.compact import CompactAutoencoder
from nanochart.chart.network import Network
from nanochart.errors import NanochartError

#: What can be trained on minima.
NETWORKS: dict[str, type[Network]] = {
    Autoencoder.kind: Autoencoder,
    CompactAutoencoder.kind: CompactAutoencoder,
}


class ThermalNetwork(CompactAutoencoder):
    """A compact encoder of hot RDFs before the decoder of a chart of minima, which does not learn.

    Parameters
    ----------
    quenched
        The network of the chart of minima.
    """

    kind = "thermal"

    def __init__(self, quenched: Network) -> None:
        super().__init__(quenched.n_bins, quenched.n_cvs)
        del self.decoder
        self.quenched = quenched.requires_grad_(False)

    def decode(self, cvs: Tensor) -> Tensor:
        """Return the scaled RDFs of minima, shape (batch, n_bins), that CVs stand for."""
        return self.quenched.decode(cvs)

    def train(self, mode: bool = True) -> ThermalNetwork:
        """Set the mode of the encoder; the decoder stays in evaluation mode."""
        super().train(mode)
        self.quenched.eval()
        return self


def build_network(kind: str, n_bins: int, n_cvs: int) -> Network:
    """Return a network with random weights.

    Raises
    ------
    NanochartError
        There is no such network, or it takes no such input.
    """
    if kind not in NETWORKS:
        raise NanochartError(f"network {kind!r}: is unknown; there are {', '.join(NETWORKS)}")
    return NETWORKS[kind](n_bins, n_cvs)


def described(model: Network) -> dict[str, Any]:
    """Return what a chart's file says of a network, as JSON values."""
    description = {"kind": model.kind, "n_bins": model.n_bins, "n_cvs": model.n_cvs}
    if isinstance(model, ThermalNetwork):
        description["quenched"] = model.quenched.kind
    return description


def from_description(description: dict[str, Any]) -> Network:
    """Return the network, with weights to be loaded, that a chart's file describes.

    Raises
    ------
    NanochartError
        There is no such network.
    """
    # Charts from before there were others have the paper's network.
    kind = description.get("kind", Autoencoder.kind)
    size = description["n_bins"], description["n_cvs"]
    if kind == ThermalNetwork.kind:
        return ThermalNetwork(build_network(description["quenched"], *size))
    return build_network(kind, *size)
