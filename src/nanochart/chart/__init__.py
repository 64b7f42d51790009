"""Learning a chart, its families, and the Chart itself.

Importing this package does not load torch; ``Autoencoder`` and ``Chart`` do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nanochart.chart.autoencoder import Autoencoder
    from nanochart.chart.chart import Chart, load_chart, train

__all__ = ["Autoencoder", "Chart", "load_chart", "train"]


def __getattr__(name: str) -> Any:
    if name == "Autoencoder":
        return importlib.import_module("nanochart.chart.autoencoder").Autoencoder
    if name in __all__:
        return getattr(importlib.import_module("nanochart.chart.chart"), name)
    raise AttributeError(f"module 'nanochart.chart' has no attribute {name!r}")
