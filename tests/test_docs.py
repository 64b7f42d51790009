"""The documentation is run, and pages made from code or figures are as they would be made now."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from nanochart.workflow.config import parse_run_file

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def script(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_s_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert "Twin" in capsys.readouterr().out
    assert names["rdf"].shape == (256, 500)  # type: ignore[attr-defined]


def test_the_gradient_page_s_python_runs() -> None:
    page = (ROOT / "docs" / "gradient.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, names)
    assert names["gradient"].shape == (64, 90, 3)  # type: ignore[attr-defined]
    assert names["jacobian"].shape == (1, 3, 90, 3)  # type: ignore[attr-defined]
    assert names["force"].shape == (90, 3)  # type: ignore[attr-defined]


def test_every_file_the_pages_point_to_is_there() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize(
    ("maker", "page"),
    [
        ("docs/make_run_file_page.py", "docs/run-file.md"),
        ("docs/make_results_page.py", "docs/results.md"),
        ("docs/make_structures_page.py", "docs/structures.md"),
        ("docs/make_families_page.py", "docs/families.md"),
        ("docs/make_learning_page.py", "docs/learning.md"),
        ("docs/make_charts_page.py", "docs/charts.md"),
        ("docs/make_dynamics_page.py", "docs/dynamics.md"),
    ],
)
def test_made_pages_are_up_to_date(maker: str, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")  # pages share their way of making tables
    assert script(maker).page() == (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda p: p.stem)
def test_examples_are_good_run_files(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parse_run_file(text, where=path.name)
    # They differ from one another in numbers (and the names of metals and starts) only.
    keys = {f"{section}.{key}" for section, one in tomllib.loads(text).items() for key in one}
    quick = tomllib.loads((ROOT / "examples" / "au90-quick.toml").read_text(encoding="utf-8"))
    assert keys == {f"{section}.{key}" for section, one in quick.items() for key in one}


def test_the_paper_s_runs_have_the_paper_s_numbers() -> None:
    # Snapshots of the SI's composition tables; Au147's 613,872 is no multiple of ten cycles.
    expected = {"au90": 921_600, "au147": 613_920, "ag147": 179_200, "cu147": 224_000}
    for name, snapshots in expected.items():
        file = parse_run_file((ROOT / "examples" / f"{name}.toml").read_text(), where=name)
        assert file.sampling.cycles * len(file.sampling.temperatures) == snapshots
        assert (file.training.epochs, file.training.batch_size) == (100, 128)
        assert file.training.halve_at == [30, 90]
