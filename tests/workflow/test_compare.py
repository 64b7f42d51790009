"""Charts judged side by side: what the table says, and what cannot be compared."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from typer.testing import CliRunner

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.chart import Chart
from nanochart.chart.domain import Domain
from nanochart.chart.families import find_families
from nanochart.chart.judgement import linear_baseline, r_squared, reconstruct
from nanochart.chart.protocol import TrainingSettings, split
from nanochart.cli import app
from nanochart.descriptor.rdf import PAPER_GRID
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.progress import silent
from nanochart.workflow.compare import compare_charts, tables_of
from nanochart.workflow.config import parse_run_file
from nanochart.workflow.judged import judged_structures, read_entries
from nanochart.workflow.learn import train
from nanochart.workflow.run import Run
from nanochart.workflow.stages import STAGES

LANDSCAPE = open_landscape("au90-small")
RDF = LANDSCAPE["unique"].read("rdf").astype(np.float64)  # (256, 280)
SCALING = MinMaxScaling.fit(RDF)
N_HELD_OUT = 51  # a fifth of 256


def untrained(seed: int, *, provenance: bool = True) -> Chart:
    """Return a chart of the shipped landscape with the weights that a training starts from."""
    torch.manual_seed(seed)
    settings = {"seed": seed, "validation_fraction": 0.2, "epochs": 1}
    record = {"settings": settings, "n_training": 256 - N_HELD_OUT, "n_validation": N_HELD_OUT}
    return Chart(
        model=Autoencoder(280, 3).eval(),
        scaling=SCALING,
        grid=PAPER_GRID,
        bandwidth=0.2,
        window=(40, 320),
        species="Au",
        n_atoms=90,
        domain=Domain(1.0, 1.0),
        error_quantiles={},
        provenance={"training": record} if provenance else {},
    )


def with_families(chart: Chart) -> Chart:
    cvs = chart.encode_rdf(RDF)
    return chart.with_families(find_families(cvs, bandwidth=float(cvs.std(axis=0).mean()))[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run folder of the shipped landscape."""
    folder = tmp_path_factory.mktemp("runs") / "au90"
    shutil.copytree(LANDSCAPE.path, folder / "landscape")
    with_families(untrained(0)).save(folder / "chart.safetensors")
    return folder


def test_a_run_s_chart_is_judged_on_what_it_has_not_seen(run: Path) -> None:
    result = compare_charts([run])
    ours, linear = result["charts"]
    train, held_out = split(256, TrainingSettings(seed=0))
    assert (ours["name"], ours["n_judged"], ours["held_out"]) == ("au90", N_HELD_OUT, True)
    assert (linear["name"], linear["n_judged"], linear["held_out"]) == ("PCA-3", N_HELD_OUT, True)
    scaled = SCALING.transform(RDF)
    mse = reconstruct(untrained(0).model, scaled[held_out])[1].mean()
    assert ours["mse"] == pytest.approx(mse, rel=1e-5)
    assert ours["r2"] == pytest.approx(r_squared(mse, scaled, held_out), rel=1e-5)
    assert linear["mse"] == pytest.approx(linear_baseline(scaled, train, held_out))
    # The best linear chart is a better one than a network that was never trained.
    assert linear["trustworthiness"] > max(ours["trustworthiness"], 0.8)
    codes = LANDSCAPE["classes"].read_rows("cluster_class", LANDSCAPE["unique"].read("snapshot"))
    assert list(result["structures"]["classes"].values()) == np.bincount(codes).tolist()
    assert result["pairs"] == []


def test_two_charts_are_compared_on_all_structures(run: Path, tmp_path: Path) -> None:
    with_families(untrained(0)).save(tmp_path / "same.safetensors")
    with_families(untrained(1)).save(tmp_path / "other.safetensors")
    result = compare_charts([run, tmp_path / "same.safetensors", tmp_path / "other.safetensors"])
    assert [row["name"] for row in result["charts"]] == ["au90", "same", "other", "PCA-3"]
    assert [(pair["a"], pair["b"]) for pair in result["pairs"]] == [
        ("au90", "same"),
        ("au90", "other"),
        ("same", "other"),
    ]
    same, other, _ = result["pairs"]
    assert same["procrustes"] == pytest.approx(0.0, abs=1e-9)
    assert same["adjusted_rand_index"] == 1.0
    assert 0.0 < other["procrustes"] < 1.0
    assert other["adjusted_rand_index"] < 1.0
    assert result["charts"][0]["major_families"] == same["major_families"][0] > 0
    tables = list(tables_of(result))
    majors = result["charts"][0]["major_families"]
    assert [len(rows) for _, _, rows in tables] == [4, 4, 3, majors]
    # The same weights with the same families find them again; other weights do so worse.
    again = np.array([row["found_again"] for row in result["families"]])
    assert again.shape == (majors, 2)
    np.testing.assert_array_equal(again[:, 0], 1.0)
    assert np.all((again[:, 1] > 0) & (again[:, 1] <= 1))
    assert again[:, 1].min() < 1


def test_a_chart_that_keeps_no_split_is_judged_on_everything(run: Path, tmp_path: Path) -> None:
    untrained(0, provenance=False).save(tmp_path / "bare.safetensors")
    elsewhere = replace(untrained(0), scaling=MinMaxScaling.fit(RDF[:100]))
    elsewhere.save(tmp_path / "elsewhere.safetensors")
    result = compare_charts(
        [run, tmp_path / "bare.safetensors", tmp_path / "elsewhere.safetensors"]
    )
    seen = [(row["n_judged"], row["held_out"]) for row in result["charts"]]
    assert seen == [(N_HELD_OUT, True), (256, False), (256, False), (N_HELD_OUT, True)]
    # Neither has families.
    assert result["charts"][1]["major_families"] is None
    assert result["pairs"][0]["adjusted_rand_index"] is None
    assert list(tables_of(result))[1][2][1][-1] == "—"


def test_the_split_of_a_real_training_is_found_again(tmp_path: Path) -> None:
    text = (
        '[system]\nspecies = "Au"\nn_atoms = 90\n[sampling]\ntemperatures = [300]\ncycles = 10\n'
        "[training]\nepochs = 1\nseed = 3\nvalidation_fraction = 0.3\n[resources]\nthreads = 1\n"
    )
    shutil.copytree(LANDSCAPE.path, tmp_path / "landscape")
    train(Run(tmp_path, parse_run_file(text, where="test"), text, STAGES), silent)
    entries = read_entries([tmp_path])
    structures = judged_structures(entries, [], species=None, skip_bad=False)
    chart = entries[0].chart
    found = structures.split_of(chart)
    assert found is not None
    # The stored quantiles of the errors are those of the structures found to be held out.
    errors = reconstruct(chart.model, structures.scaled[found[1]])[1]
    assert np.median(errors) == pytest.approx(chart.error_quantiles["validation"][0], rel=1e-4)


def test_errors_are_told_in_the_units_of_one_chart(run: Path, tmp_path: Path) -> None:
    # The same network seen through another scaling: half the density, so half the error.
    model = untrained(0).model
    wide = MinMaxScaling(SCALING.minimum, SCALING.minimum + 2 * SCALING.range)
    replace(untrained(0, provenance=False), scaling=wide).save(tmp_path / "wide.safetensors")
    row = compare_charts([run, tmp_path / "wide.safetensors"])["charts"][1]
    own = reconstruct(model, wide.transform(RDF))[1].mean()
    assert row["mse"] == pytest.approx(4 * own, rel=1e-4)


def test_structures_may_come_from_files(run: Path, tmp_path: Path) -> None:
    rows = LANDSCAPE["unique"].read("snapshot")
    positions = LANDSCAPE["quenched"].read_rows("positions", rows)
    frames = [Atoms("Au90", positions=one) for one in positions]
    frames[5].positions[0] = np.nan
    ase.io.write(tmp_path / "minima.xyz", frames)
    chart = run / "chart.safetensors"
    with pytest.raises(NanochartError, match=r"minima\.xyz: frame 5"):
        compare_charts([chart], files=[tmp_path / "minima.xyz"])
    result = compare_charts([chart], files=[tmp_path / "minima.xyz"], skip_bad=True)
    codes = np.delete(LANDSCAPE["classes"].read_rows("cluster_class", rows), 5)
    assert list(result["structures"]["classes"].values()) == np.bincount(codes).tolist()
    assert result["structures"]["skipped"] == 1
    assert [row["held_out"] for row in result["charts"]] == [False, False]
    one_class = [frames[i] for i in np.flatnonzero(codes[:5] == codes[0])] * 8
    for i, frame in enumerate(one_class):
        frame = frame.copy()
        frame.rattle(0.02, seed=i)
        one_class[i] = frame
    ase.io.write(tmp_path / "one.xyz", one_class)
    row = compare_charts([chart], files=[tmp_path / "one.xyz"], k=3)["charts"][0]
    assert row["silhouette"] is row["twin_position"] is row["twin_between"] is None


@pytest.fixture
def make_umap(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """Put a stand-in for UMAP in its place that records what it is asked."""
    seen: dict[str, Any] = {}

    class Stub:
        def __init__(self, **options: Any) -> None:
            seen.update(options)

        def fit(self, x: np.ndarray) -> Stub:
            self.embedding_ = x[:, :3] + 1.0
            seen["n"] = len(x)
            return self

        def transform(self, x: np.ndarray) -> np.ndarray:
            return x[:, :3] + 1.0

    def make() -> dict[str, Any]:
        monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Stub))  # type: ignore[arg-type]
        return seen

    return make


def test_umap_is_fitted_to_the_training_structures(
    run: Path, make_umap: Callable[[], dict[str, Any]]
) -> None:
    seen = make_umap()
    row = compare_charts([run], with_umap=True, seed=7)["charts"][-1]
    assert (seen["n_components"], seen["random_state"], seen["n"]) == (3, 7, 256 - N_HELD_OUT)
    assert row["name"] == "UMAP"
    assert row["mse"] is row["r2"] is None  # it knows no way back
    assert 0 < row["trustworthiness"] <= 1


def test_umap_is_asked_for_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: ModuleType = None  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "umap", absent)
    with pytest.raises(NanochartError, match="pip install umap-learn"):
        compare_charts([Path("nowhere")], with_umap=True)


def test_what_cannot_be_compared_is_refused(run: Path, tmp_path: Path) -> None:
    chart = run / "chart.safetensors"
    with pytest.raises(NanochartError, match="no such file"):
        compare_charts([tmp_path / "nothing"])
    with pytest.raises(NanochartError, match="has no chart yet; nanochart train"):
        compare_charts([tmp_path])
    with pytest.raises(NanochartError, match="holds no structures to judge"):
        compare_charts([chart])
    replace(untrained(0), n_atoms=147).save(tmp_path / "large.safetensors")
    with pytest.raises(NanochartError, match=r"large\.safetensors is a chart of Au147.*au90.*Au90"):
        compare_charts([run, tmp_path / "large.safetensors"])
    replace(untrained(0), bandwidth=0.3).save(tmp_path / "smooth.safetensors")
    with pytest.raises(NanochartError, match=r"bandwidth 0\.3 Å\).*bandwidth 0\.2 Å"):
        compare_charts([run, tmp_path / "smooth.safetensors"])
    with pytest.raises(NanochartError, match=r"the 51 structures .* too few for 26 neighbours"):
        compare_charts([run], k=26)
    shutil.copytree(run / "landscape", tmp_path / "landscape")
    replace(untrained(0), bandwidth=0.3).save(tmp_path / "chart.safetensors")
    with pytest.raises(NanochartError, match="its chart is not of its structures"):
        compare_charts([tmp_path])
    same = [Atoms("Au90", positions=LANDSCAPE["quenched"].read("positions", 0, 1)[0])] * 30
    for i, frame in enumerate(same):
        same[i] = frame.copy()
        same[i].rotate(17.0 * i, "x")
    ase.io.write(tmp_path / "same.xyz", same)
    with pytest.raises(NanochartError, match=r"same\.xyz: all structures \(30\) are the same"):
        compare_charts([chart], files=[tmp_path / "same.xyz"])
    ase.io.write(tmp_path / "silver.xyz", [Atoms("Ag90", positions=same[0].positions)])
    with pytest.raises(NanochartError, match=r"silver\.xyz"):
        compare_charts([chart], files=[tmp_path / "silver.xyz"])


def test_equal_names_are_told_apart_by_their_paths(run: Path, tmp_path: Path) -> None:
    (tmp_path / "au90").mkdir()
    untrained(1).save(tmp_path / "au90" / "chart.safetensors")
    names = [entry.name for entry in read_entries([run, tmp_path / "au90"])]
    assert names == [str(run), str(tmp_path / "au90")]


def test_the_verb_prints_tables_or_json(run: Path) -> None:
    told = CliRunner().invoke(app, ["compare", str(run), "--neighbours", "5"])
    assert told.exit_code == 0, told.output
    assert "PCA-3" in told.output
    assert "51 new" in told.output
    told = CliRunner().invoke(app, ["compare", str(run), "--neighbours", "5", "--json"])
    result = json.loads(told.stdout)
    assert result["k"] == 5
    assert result["charts"][0]["n_ranked"] == N_HELD_OUT
