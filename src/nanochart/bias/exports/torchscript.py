"""For PLUMED's PYTORCH_MODEL: the vectors from the first atom to the others in, CVs out.

PYTORCH_MODEL hands a model its scalar arguments as one row of float32, and calls autograd once for
each output. The arguments here are the components of ``DISTANCE ATOMS=1,i COMPONENTS``, in nm:
PLUMED takes them to the nearest image, and being short they lose little as float32. Between input
and output everything is float64.
"""

# No postponed annotations here: TorchScript looks at the types of the attributes.

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from nanochart.bias.exports.function import traced
from nanochart.bias.exports.plumed import restraint_lines
from nanochart.bias.exports.subject import Subject

ANGSTROM_PER_NM = 10.0


class PytorchModelCvs(nn.Module):
    """What PYTORCH_MODEL calls; compiled by TorchScript as it stands."""

    first: Tensor
    no_cell: Tensor

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.function = traced(subject.function)
        self.n_atoms = subject.n_atoms
        self.name = subject.name
        self.nm = ANGSTROM_PER_NM
        self.register_buffer("first", torch.zeros(1, 3, dtype=torch.float64))
        self.register_buffer("no_cell", torch.zeros(3, 3, dtype=torch.float64))
        self.eval()

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the CVs, (1, n_cvs) float32, of vectors (1, 3 (n_atoms − 1)), float32 in nm."""
        if vectors.dim() != 2 or vectors.shape[0] != 1 or vectors.shape[1] != 3 * self.n_atoms - 3:
            raise ValueError(
                f"the chart is of {self.name}: it takes a row of {3 * self.n_atoms - 3} arguments, "
                f"the vectors from atom 1 to the others, not {vectors.shape}"
            )
        if not bool(torch.isfinite(vectors).all()):
            raise ValueError("an argument is NaN or infinite")
        others = vectors.to(torch.float64).reshape(-1, 3) * self.nm
        cvs: Tensor = self.function(torch.cat([self.first, others]), self.no_cell)
        return cvs.to(torch.float32).unsqueeze(0)


def write(subject: Subject, folder: Path) -> None:
    """Write ``chart.ptc`` and ``plumed.dat``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript: PLUMED reads it
        model = torch.jit.script(PytorchModelCvs(subject))
        extra = {"chart.json": subject.as_json()}
        torch.jit.save(model, str(folder / "chart.ptc"), _extra_files=extra)
    (folder / "plumed.dat").write_text(_plumed_input(subject), encoding="utf-8")


def _plumed_input(subject: Subject) -> str:
    """Return an input that prints the CVs and holds the cluster near the centre of a family."""
    atoms = range(2, subject.n_atoms + 1)
    lines = [
        "# PLUMED with libtorch. Lengths must be in nm: no UNITS LENGTH=... here.",
        *(f"d{i}: DISTANCE ATOMS=1,{i} COMPONENTS" for i in atoms),
        "cv: PYTORCH_MODEL ...",
        "  FILE=chart.ptc",
        "  ARG=" + ",".join(f"d{i}.{axis}" for i in atoms for axis in "xyz"),
        "...",
        *restraint_lines(subject, [f"cv.node-{k}" for k in range(subject.n_cvs)]),
    ]
    return "\n".join(lines) + "\n"
