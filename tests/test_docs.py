"""The documentation is run, and pages made from code or figures are as they would be made now."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from nanochart.workflow.config import parse_run_file

ROOT = Path(__file__).resolve().parents[1]


def script(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def follow(page: Path, folder: Path) -> list[tuple[str, str]]:
    """Run every bash and Python block of a page in order, in a folder; return what was printed.

    All Python of a page is one session. What a page shows of Python's output, in a text block
    right after it, is compared with what is printed.
    """
    names: dict[str, object] = {}
    printed: list[tuple[str, str]] = []
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"]}
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    for language, block in blocks:
        where = f"{page.name}:\n{block}"
        if language == "bash":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{where}\n{done.stdout}\n{done.stderr}"
            printed.append((language, done.stdout))
        elif language == "python":
            with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(block, where, "exec"), names)
            printed.append((language, out.getvalue()))
        elif language == "text" and printed and printed[-1][0] == "python":
            assert printed[-1][1] == block, where
    return printed


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "tutorials").glob("*.md")), ids=lambda page: page.stem
)
def test_tutorials_can_be_followed_word_for_word(page: Path, tmp_path: Path) -> None:
    printed = follow(page, tmp_path)
    assert any(language == "python" for language, _ in printed)


def test_a_page_that_shows_something_else_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\necho 3 > n\n```\n```python\nprint(open('n').read())\n```\n")
    assert follow(page, tmp_path)[-1] == ("python", "3\n\n")
    page.write_text("```python\nprint(2)\n```\n\n```text\n3\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md"):
        follow(page, tmp_path)
    page.write_text("```bash\nfalse\necho here\n```\n")
    with pytest.raises(AssertionError, match="false"):
        follow(page, tmp_path)


def test_the_notebook_runs_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "examples" / "first-chart.ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["nbformat"] == 4
    cells = [one for one in notebook["cells"] if one["cell_type"] == "code"]
    assert cells
    assert not any(one["outputs"] or one["execution_count"] for one in cells)  # nothing stale
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), "first-chart.ipynb", "exec"), names)
    assert names["points"].cvs.shape == (256, 3)  # type: ignore[attr-defined]


def test_the_site_builds_without_a_warning(
    tmp_path: Path, require_oracle: Callable[[str], ModuleType]
) -> None:
    for name in ("sphinx", "myst_parser", "furo"):
        require_oracle(name)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    built = subprocess.run(
        [*command, "-d", str(tmp_path / "cache"), str(ROOT / "docs"), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    reference = (tmp_path / "site" / "api.html").read_text(encoding="utf-8")
    assert "nanochart.Chart.transform" in reference


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_file_the_pages_point_to_is_there() -> None:
    for page in pages():
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
        ("docs/make_verbs_page.py", "docs/verbs.md"),
        ("docs/make_formats_page.py", "docs/file-formats.md"),
        ("docs/make_speed_page.py", "docs/how-fast.md"),
        ("docs/make_melting_page.py", "docs/melting.md"),
        ("docs/make_paper_page.py", "docs/reproducing.md"),
        ("docs/make_exact_page.py", "docs/exact.md"),
        ("docs/make_lj38_page.py", "docs/lj38.md"),
        ("docs/make_exploration_page.py", "docs/exploration.md"),
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
