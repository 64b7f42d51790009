"""What the tests share: oracles that CI may not do without, data that only some machines have."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

#: Real structures beside the checkout, where there are any. The project stands without them.
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def _cache_of_compiled_kernels() -> str:
    """Return a folder for numba's cache that belongs to the sources as they are.

    Numba looks at the file of a function only: a change in another file that is compiled into it
    would go untested.
    """
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parents[1] / "src").rglob("*.py")):
        digest.update(path.read_bytes())
    return str(Path(tempfile.gettempdir()) / f"nanochart-numba-{digest.hexdigest()[:16]}")


def _stay_on_one_core() -> None:
    """Give each process of xdist, and all that its tests start, one core of its own.

    Threads of several processes that wait for one another on the same cores (OpenMP's spin) cost a
    training ten times its processor time.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker) % len(cores)]})


# Before numba and torch are imported; the processes that tests start inherit both.
os.environ.setdefault("NUMBA_CACHE_DIR", _cache_of_compiled_kernels())
_stay_on_one_core()


#: Files that take a minute or more: begun first, lest one of them is left for the end.
LONGEST = "test_resume", "test_docs", "test_thermal", "test_md", "test_bias", "test_compare"


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist hand out files in our order; its own puts those of many tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def missing(what: str) -> None:
    """Skip the test, or fail it in CI, where a missing oracle would hide an untested claim."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing: in CI an oracle may not be skipped")
    pytest.skip(f"{what} is not installed")


@pytest.fixture
def require_oracle() -> Callable[[str], ModuleType]:
    """Give an imported oracle by name: ``require_oracle("ovito")``."""

    def require(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError:
            missing(name)
            raise

    return require


@pytest.fixture
def chromium_path(chromium: str) -> str:
    """Give the path of a Chromium to drive."""
    return chromium


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of a Chromium, for fixtures that last longer than a test."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("Chromium")
    assert path is not None
    return path


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Give the path of a file of real structures, or skip."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"{name} is not beside this checkout")
        return path

    return find


@pytest.fixture(scope="session")
def charted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run of the 256 structures that ship, charted by a network that never learned.

    Its random features order the structures somehow, which is all that pages and tables need.
    """
    import numpy as np
    import torch

    from nanochart.chart.autoencoder import Autoencoder
    from nanochart.chart.chart import Chart
    from nanochart.chart.domain import Domain
    from nanochart.chart.judgement import reconstruct
    from nanochart.descriptor.rdf import BANDWIDTH, PAPER_GRID
    from nanochart.descriptor.scaling import MinMaxScaling
    from nanochart.landscape import open_landscape
    from nanochart.progress import silent
    from nanochart.workflow.config import parse_run_file
    from nanochart.workflow.run import open_run
    from nanochart.workflow.stages import STAGES

    folder = tmp_path_factory.mktemp("charted") / "au90-small"
    shipped = open_landscape("au90-small")
    shutil.copytree(shipped.path, folder / "landscape")
    example = Path(__file__).parents[1] / "examples" / "au90-quick.toml"
    ladder = tomllib.loads(example.read_text(encoding="utf-8"))["sampling"]["temperatures"]
    rdf = shipped["unique"].read("rdf").astype(np.float64)
    scaling = MinMaxScaling.fit(rdf)
    torch.manual_seed(0)
    model = Autoencoder(n_bins=rdf.shape[1], n_cvs=3).eval()
    with torch.no_grad():  # what never learned hardly tells structures apart
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear) and layer.out_features == 3:
                layer.weight.mul_(1000.0)
    cvs, errors = reconstruct(model, scaling.transform(rdf).astype(np.float32))
    first, last = shipped["unique"].attributes["window"]
    Chart(
        model=model,
        scaling=scaling,
        grid=PAPER_GRID,
        bandwidth=BANDWIDTH,
        window=(int(first), int(last)),
        species="Au",
        n_atoms=90,
        domain=Domain.of(rdf, errors, PAPER_GRID, 90),
        error_quantiles={},
    ).save(folder / "chart.safetensors")
    text = f"""
[system]
species = "Au"
n_atoms = 90
[sampling]
temperatures = {ladder}
cycles = 10
[families]
bandwidth = {0.8 * float(cvs.std(axis=0).max())}
minimum_size = 5
"""
    with open_run(folder, parse_run_file(text, where="test"), text, STAGES) as run:
        for stage in ("families", "project"):
            run.do(stage, silent)
    return folder
