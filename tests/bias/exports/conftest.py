"""A chart to export, the CVs it must give, and processes that have no nanochart."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from nanochart.chart.families import Families, Family
from nanochart.chart.making import train
from nanochart.chart.training import TrainingSettings
from nanochart.cli import app
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.descriptor.rdf_torch import TorchRdf
from nanochart.landscape import open_landscape

MARK = "-- end of script --"
#: Runs scripts as a user would, where these packages cannot be imported.
ISOLATED = """
import importlib.abc, runpy, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"refused: {{name}}")

sys.meta_path.insert(0, Refuse())
try:
    import nanochart
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("nanochart is importable here")
sys.path.insert(0, {folder!r})
for sys.argv in {runs!r}:
    runpy.run_path(sys.argv[0], run_name="__main__")
    print({mark!r})
assert not any(name.partition(".")[0] == "nanochart" for name in sys.modules)
"""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Mlp(nn.Module):
    """Another encoder than the paper's: small, smooth, one more CV."""

    def __init__(self, n_bins):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_bins, 32), nn.SiLU(), nn.Linear(32, 4))
        self.decoder = nn.Linear(4, n_bins)

    def encode(self, inputs):
        return self.layers(inputs)


@pytest.fixture(scope="session")
def minima():
    """Au90 minima (256, 90, 3) Å that ship."""
    return np.asarray(open_landscape("au90-small")["quenched"].read("positions"), dtype=np.float64)


@pytest.fixture(scope="session")
def chart(minima):
    """A chart of them by the paper's network, hardly trained, with one family."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    settings = TrainingSettings(epochs=1, batch_size=32)
    made = train(minima[:64], species="Au", settings=settings, families=False)
    with torch.no_grad():  # CVs spread over some units, as those of a well trained chart do
        cvs = torch.from_numpy(made.transform(minima))
        mean, spread = cvs.mean(dim=0), cvs.std(dim=0)
        made.model.embed_linear.weight /= spread[:, None]
        made.model.embed_linear.bias.sub_(mean).div_(spread)
    torch.set_num_threads(threads)
    centre = tuple(made.transform(minima[0])[0].astype(float).tolist())
    return made.with_families(Families((Family(0, centre, 128, name="a twin"),), 1.0, 10))


@pytest.fixture(scope="session")
def mlp_chart(chart):
    """The same chart with another encoder, of thermal structures."""
    torch.manual_seed(0)
    return replace(chart, mode="thermal", model=Mlp(chart.basis.n_bins))


@pytest.fixture(scope="session")
def structures(minima):
    """Two minima and a hot structure, (3, 90, 3) Å: none at a kink, none at the origin."""
    rng = np.random.default_rng(1)
    return np.stack([minima[3], minima[200] + 20.0, minima[7] + rng.normal(0, 0.1, (90, 3))])


def reference(chart, positions):
    """Return CVs (n, n_cvs) and d(CV)/d(positions) (n, n_cvs, n_atoms, 3), float64, by autograd."""
    module, encoder = TorchRdf(chart.basis), copy.deepcopy(chart.model).double().eval()
    low, width = torch.from_numpy(chart.scaling.minimum), torch.from_numpy(chart.scaling.range)
    every, slopes = [], []
    for one in positions:
        x = torch.from_numpy(one[None]).requires_grad_(True)
        cvs = encoder.encode((module(x) - low) / width)[0]
        slopes.append(
            torch.stack([torch.autograd.grad(cv, x, retain_graph=True)[0][0] for cv in cvs])
        )
        every.append(cvs.detach())
    return torch.stack(every).numpy(), torch.stack(slopes).numpy()


@pytest.fixture(scope="session")
def expected(chart, structures):
    return reference(chart, structures)


@pytest.fixture(scope="session")
def cvs_of(chart):
    """Give CVs (n, n_cvs) in float64 by the compiled RDF, which no export goes through."""
    encoder = copy.deepcopy(chart.model).double().eval()

    def cvs(positions):
        scaled = chart.scaling.transform(rdf_of_positions(positions, chart.basis))
        with torch.no_grad():
            return torch.cat([encoder.encode(torch.from_numpy(one[None])) for one in scaled])

    return lambda positions: cvs(positions).numpy()


@pytest.fixture(scope="session")
def exports(chart, tmp_path_factory):
    """Give the folder of an export by target, made by the documentation's command."""
    page = Path(__file__).parents[3] / "docs" / "exports.md"
    commands = re.findall(r"^    nanochart (export .* --to (\S+))$", page.read_text(), re.MULTILINE)
    commands = {target: command.split() for command, target in commands}
    place = tmp_path_factory.mktemp("exports")
    chart.save(place / "au90.safetensors")

    def export(target):
        folder = place / f"au90-{target}"
        if not folder.exists():
            with contextlib.chdir(place):
                CliRunner().invoke(app, commands[target], catch_exceptions=False)
        return folder

    return export


@pytest.fixture
def isolated(tmp_path):
    """Run a text, and scripts of an export, without nanochart; give what they saved and printed.

    In one process: to load torch and the function takes longer than the rest.
    """

    def run(folder, text, *scripts, refused=(), **arrays):
        np.savez(tmp_path / "in.npz", **arrays)
        (tmp_path / "script.py").write_text(text, encoding="utf-8")
        runs = [[str(tmp_path / "script.py")], *scripts]
        code = ISOLATED.format(
            refused={"nanochart", *refused}, folder=str(folder), runs=runs, mark=MARK
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            [sys.executable, "-I", "-c", code],
            cwd=tmp_path,
            env={**environment, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        told = done.stdout.split(MARK + "\n")[:-1]
        return dict(np.load(tmp_path / "out.npz")), *told

    return run


@pytest.fixture
def xyz(structures, tmp_path):
    """A file of the first structure, as a user would have."""
    lines = ["90", "", *(f"Au {x:.10f} {y:.10f} {z:.10f}" for x, y, z in structures[0])]
    (tmp_path / "cluster.xyz").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(tmp_path / "cluster.xyz")
