"""nanochart: charts of nanocluster structures.

Structures enter as positions (n_structures, n_atoms, 3) in Å, as ``ase.Atoms`` or as a list of
them, and leave as points on a three-dimensional chart, with a class and a family. Importing this
package loads neither torch nor LAMMPS; they come with the first call that needs them.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nanochart.errors import NanochartError

if TYPE_CHECKING:
    from nanochart.chart.chart import Chart, load_chart
    from nanochart.chart.families import find_families
    from nanochart.chart.making import train
    from nanochart.descriptor.rdf import partial_rdf, rdf
    from nanochart.landscape import open_landscape
    from nanochart.sampling.quench import quench
    from nanochart.structure.description import classify
    from nanochart.workflow.follow import follow_lammps
    from nanochart.workflow.stages import sample

__version__ = version("nanochart")
__all__ = [
    "Chart",
    "NanochartError",
    "classify",
    "find_families",
    "follow_lammps",
    "load_chart",
    "open_landscape",
    "partial_rdf",
    "quench",
    "rdf",
    "sample",
    "train",
]

_HOME = {
    "Chart": "nanochart.chart.chart",
    "classify": "nanochart.structure.description",
    "find_families": "nanochart.chart.families",
    "follow_lammps": "nanochart.workflow.follow",
    "load_chart": "nanochart.chart.chart",
    "open_landscape": "nanochart.landscape",
    "partial_rdf": "nanochart.descriptor.rdf",
    "quench": "nanochart.sampling.quench",
    "rdf": "nanochart.descriptor.rdf",
    "sample": "nanochart.workflow.stages",
    "train": "nanochart.chart.making",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nanochart' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
