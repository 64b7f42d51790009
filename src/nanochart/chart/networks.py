"""The networks there are, by name."""

from __future__ import annotations

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.compact import CompactAutoencoder
from nanochart.chart.network import Network
from nanochart.errors import NanochartError

NETWORKS: dict[str, type[Network]] = {
    Autoencoder.kind: Autoencoder,
    CompactAutoencoder.kind: CompactAutoencoder,
}


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
