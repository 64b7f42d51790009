"""The folder of an export: what is refused, replaced, or left as it was; the verb; old charts."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil

import pytest
import torch
from typer.testing import CliRunner

import nanochart.bias.exports.targets as targets_module
import nanochart.chart.chart as chart_module
from nanochart.bias.exports.folder import export_chart
from nanochart.bias.exports.targets import TARGETS, Target, target_of
from nanochart.cli import app
from nanochart.errors import NanochartError


@pytest.fixture
def chart_file(chart, tmp_path):
    chart.save(tmp_path / "au90.safetensors")
    return tmp_path / "au90.safetensors"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_verb_writes_a_folder(chart_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["export", chart_file.name, "--to", "torchscript"]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    folder = tmp_path / "au90-torchscript"
    assert told["output"] == folder.name
    assert sorted(told["files"]) == sorted(contents(folder))
    assert sorted(told["files"]) == ["README.md", "chart.ptc", "export.json", "plumed.dat"]
    record = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    assert (record["cluster"], record["mode"]) == ("Au90", "quenched")
    assert record["torch"] == torch.__version__
    # Again: an export that nobody changed is replaced, and nothing is left beside it.
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {chart_file.name, folder.name}


@pytest.mark.parametrize("target", TARGETS)
def test_every_readme_is_short_and_says_how(exports, require_oracle, target):
    if target == "metatomic":
        require_oracle("metatomic.torch")
    folder = exports(target)
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 25
    assert all(len(line) <= 100 for line in lines)
    assert any(line.startswith(("    python ", "    plumed ")) for line in lines)
    assert "local minima" in "\n".join(lines)
    assert not any("{" in line for line in lines)


def test_a_thermal_chart_says_so(mlp_chart, tmp_path):
    export_chart(mlp_chart, "torchscript", tmp_path / "out")
    assert "thermal" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "cv.node-3" in (tmp_path / "out" / "plumed.dat").read_text(encoding="utf-8")


def test_an_unknown_target(chart, tmp_path):
    with pytest.raises(NanochartError, match=r"'gromacs'; there are metatomic, .*lammps"):
        export_chart(chart, "gromacs", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_told_with_its_pip_line(chart, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NanochartError, match=r"pip install 'nanochart\[metatomic\]'"):
        export_chart(chart, "metatomic", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_chart_of_another_version(chart, tmp_path, monkeypatch):
    monkeypatch.setattr(chart_module, "FORMAT_VERSION", 99)
    chart.save(tmp_path / "chart.safetensors")
    monkeypatch.undo()
    path = str(tmp_path / "chart.safetensors")
    done = CliRunner().invoke(app, ["export", path, "--to", "ase", "-o", str(tmp_path / "out")])
    assert isinstance(done.exception, NanochartError)
    assert "version 99" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_other_content_is_left_alone(chart, exports, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(exports("torchscript"), folder)
    for name, text in (("notes.txt", "mine"), ("plumed.dat", "METAD"), ("export.json", "{}")):
        (folder / name).write_text(text, encoding="utf-8")
        before = contents(folder)
        with pytest.raises(NanochartError, match="give another --output"):
            export_chart(chart, "torchscript", folder)
        assert contents(folder) == before
        (folder / "notes.txt").unlink(missing_ok=True)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(NanochartError, match="is a file"):
        export_chart(chart, "torchscript", tmp_path / "file")
    with pytest.raises(NanochartError, match="does not exist"):
        export_chart(chart, "torchscript", tmp_path / "no" / "out")


def test_a_target_takes_the_place_of_another(chart, exports, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(exports("lammps"), folder)
    export_chart(chart, "torchscript", folder)
    assert "chart.pt2" not in contents(folder)


def test_an_empty_folder_will_do(chart, tmp_path):
    (tmp_path / "out").mkdir()
    export_chart(chart, "torchscript", tmp_path / "out")
    assert "chart.ptc" in contents(tmp_path / "out")


def test_a_folder_that_cannot_be_written(chart, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who may run this, writes everywhere
    with pytest.raises(NanochartError, match="cannot be written"):
        export_chart(chart, "torchscript", tmp_path / "out")


def test_a_full_disk_leaves_what_was_there(chart, exports, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    shutil.copytree(exports("torchscript"), folder)
    before = contents(folder)

    def full(_subject, place):
        (place / "chart.ptc").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Target, "load", lambda _: full)
    with pytest.raises(NanochartError, match="No space left on device"):
        export_chart(chart, "torchscript", folder)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_targets_have_names():
    assert list(targets_module.TARGETS) == [
        "metatomic",
        "torchscript",
        "torch-export",
        "ase",
        "openmm",
        "lammps",
    ]
    assert all(target_of(name).name == name for name in TARGETS)
