"""For PLUMED's METATOMIC (2.10 or newer): positions in, CVs out, in float64, one backward.

The model is TorchScript in metatomic's wrapping (docs.metatensor.org/metatomic), which converts
units of length. PLUMED first asks an empty system for the number of CVs, and wants the output
``features``; newer versions of metatomic call it ``feature``. Both are there.
"""

# No postponed annotations here: metatomic looks at the types of ``forward``.

import math
import warnings
from pathlib import Path
from typing import Dict, List, Optional  # noqa: UP035

import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import AtomisticModel, ModelCapabilities, ModelMetadata, ModelOutput, System
from torch import Tensor, nn

from nanochart.bias.exports.function import traced
from nanochart.bias.exports.plumed import restraint_lines
from nanochart.bias.exports.subject import Subject

#: The two names of one output.
OUTPUTS = ("features", "feature")


class MetatomicCvs(nn.Module):
    """The interface that metatomic asks of a model; compiled by TorchScript as it stands."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.function = traced(subject.function)
        self.n_atoms = subject.n_atoms
        self.n_cvs = subject.n_cvs
        self.name = subject.name
        self.narrowest_cell = subject.narrowest_cell
        self.eval()

    # TorchScript reads these types: no newer spelling of them will do.
    def forward(
        self,
        systems: List[System],  # noqa: UP006
        outputs: Dict[str, ModelOutput],  # noqa: UP006
        selected_atoms: Optional[Labels],  # noqa: UP045
    ) -> Dict[str, TensorMap]:  # noqa: UP006
        if selected_atoms is not None:
            raise ValueError("the chart's CVs are of the whole cluster: leave SELECTED_ATOMS out")
        rows: list[Tensor] = []
        which: list[int] = []
        for i, system in enumerate(systems):
            if len(system) > 0:  # of an empty one PLUMED wants to know the number of CVs only
                self.check(system)
                rows.append(self.function(system.positions, system.cell))
                which.append(i)
        if len(rows) > 0:
            values = torch.stack(rows)
        else:
            values = torch.zeros([0, self.n_cvs], dtype=torch.float64)
        block = TensorBlock(
            values,
            Labels(["system"], torch.tensor(which, dtype=torch.int32).reshape(-1, 1)),
            torch.jit.annotate(list[Labels], []),
            Labels(["cv"], torch.arange(self.n_cvs, dtype=torch.int32).reshape(-1, 1)),
        )
        result: dict[str, TensorMap] = {}
        for name in outputs.keys():  # noqa: SIM118
            result[name] = TensorMap(Labels(["_"], torch.zeros([1, 1], dtype=torch.int32)), [block])
        return result

    def check(self, system: System) -> None:
        """Raise unless the chart can take a system."""
        if len(system) != self.n_atoms:
            raise ValueError(
                f"the chart is of {self.name}, but the system has {len(system)} atoms: give the "
                "cluster alone, of that size"
            )
        if not bool(torch.isfinite(system.positions).all()):
            raise ValueError("a coordinate is NaN or infinite")
        to_fractions = torch.linalg.pinv(system.cell.detach())
        width = 1.0 / float(torch.linalg.vector_norm(to_fractions, dim=0).max() + 1e-300)
        if width < self.narrowest_cell:
            raise ValueError(
                f"the cell is {width} Å wide, the chart needs {self.narrowest_cell} Å: make it "
                "wider, or not periodic"
            )


def write(subject: Subject, folder: Path) -> None:
    """Write ``chart.pt`` and ``plumed.dat``."""
    capabilities = ModelCapabilities(
        outputs={name: ModelOutput(sample_kind="system") for name in OUTPUTS},
        atomic_types=[subject.atomic_number],
        interaction_range=math.inf,
        length_unit="angstrom",
        supported_devices=["cpu"],
        dtype="float64",
    )
    metadata = ModelMetadata(
        name=f"nanochart CVs of {subject.name}",
        description=subject.as_json(),
    )
    with warnings.catch_warnings():
        # One of the two names is the old one, and TorchScript is deprecated: both are meant.
        warnings.simplefilter("ignore")
        model = AtomisticModel(MetatomicCvs(subject), metadata, capabilities)
        model.save(str(folder / "chart.pt"))
    (folder / "plumed.dat").write_text(_plumed_input(subject), encoding="utf-8")


def _plumed_input(subject: Subject) -> str:
    """Return an input that prints the CVs and holds the cluster near the centre of a family."""
    components = [f"cv{k + 1}" for k in range(subject.n_cvs)]
    lines = [
        "# PLUMED 2.10 or newer with METATOMIC. Lengths may be in any unit PLUMED knows.",
        "cv: METATOMIC ...",
        "  MODEL=chart.pt",
        f"  SPECIES1=1-{subject.n_atoms}",
        f"  SPECIES_TO_TYPES={subject.atomic_number}",
        "...",
        "# Not by SELECT_COMPONENTS: several of them, and PLUMED 2.10.1 mixes up their forces.",
        *(line for k in range(subject.n_cvs) for line in _component(k, subject.n_cvs)),
        *restraint_lines(subject, components),
    ]
    return "\n".join(lines) + "\n"


def _component(k: int, n_cvs: int) -> list[str]:
    """Return the lines that make one CV a scalar: its product with a unit vector, summed up."""
    unit = ",".join("1" if i == k else "0" for i in range(n_cvs))
    return [
        f"unit{k + 1}: CONSTANT VALUES={unit}",
        f"along{k + 1}: CUSTOM ARG=cv,unit{k + 1} FUNC=x*y PERIODIC=NO",
        f"cv{k + 1}: SUM ARG=along{k + 1} PERIODIC=NO",
    ]
