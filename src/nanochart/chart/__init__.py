"""Learning a chart, its families, and the Chart itself.

Importing this package does not load torch; ``Autoencoder`` and ``Chart`` do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nanochart.chart.autoencoder import Autoencoder
    from nanochart.chart.chart import Chart, load_chart
    from nanochart.chart.making import train

__all__ = ["Autoencoder", "Chart", "load_chart", "train"]

_HOME = {
    "Autoencoder": "nanochart.chart.autoencoder",
    "Chart": "nanochart.chart.chart",
    "load_chart": "nanochart.chart.chart",
    "train": "nanochart.chart.making",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'nanochart.chart' has no attribute {name!r}")
