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


# Before numba is imported; the processes that tests start inherit it.
os.environ.setdefault("NUMBA_CACHE_DIR", _cache_of_compiled_kernels())


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
def chromium_path() -> str:
    """Give the path of a Chromium to drive."""
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
    """Give a finished run of the 256 structures that ship, with a chart of two epochs."""
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
    text = f"""
[system]
species = "Au"
n_atoms = 90
[sampling]
temperatures = {ladder}
cycles = 10
[training]
epochs = 2
batch_size = 16
[families]
bandwidth = 0.6
minimum_size = 10
[resources]
threads = 2
"""
    with open_run(folder, parse_run_file(text, where="test"), text, STAGES) as run:
        for stage in ("train", "families", "project"):
            run.do(stage, silent)
    return folder
