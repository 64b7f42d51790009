"""An alloy from the run file to the report: the elements stay where they belong all the way."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.io import read, write
from typer.testing import CliRunner

import nanochart as nc
from nanochart.cli import app
from nanochart.dcd import open_dcd
from nanochart.descriptor.rdf import partial_rdf
from nanochart.errors import NanochartError
from nanochart.landscape import Landscape, open_landscape
from nanochart.progress import silent
from nanochart.sampling.rgl_alloys import rgl_alloy
from nanochart.sampling.rgl_energies import rgl_energies
from nanochart.workflow.config import parse_run_file
from nanochart.workflow.explore import RunSource
from nanochart.workflow.minima import find_minima
from nanochart.workflow.run import Run, open_run
from nanochart.workflow.stages import STAGES
from nanochart.workflow.start import find_start

RUN_FILE = """
[system]
species = "Ag14Cu6"
[sampling]
temperatures = [300, 900]
starts = "motifs"
steps_per_cycle = 200
cycles = 60
commit_every = 30
[descriptor]
window = [40, 320]
[training]
network = "compact"
epochs = 3
batch_size = 16
[families]
bandwidth = 0.3
minimum_size = 3
[resources]
workers = 1
"""
SYMBOLS = ["Ag"] * 14 + ["Cu"] * 6
ALLOY = rgl_alloy("Ag14Cu6")


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alloy")
    (folder / "agcu.toml").write_text(RUN_FILE, encoding="utf-8")
    call("run", folder / "agcu.toml", "-o", folder / "agcu")
    return folder / "agcu"


@pytest.fixture(scope="module")
def landscape(run: Path) -> Landscape:
    return open_landscape(run)


def test_every_energy_is_that_of_the_atoms_as_they_are_named(landscape: Landscape) -> None:
    assert landscape.species == "Ag14Cu6"
    assert list(landscape.symbols) == landscape.attributes["symbols"] == SYMBOLS
    for group, tolerance in (("seeds", 1e-6), ("snapshots", 1e-4), ("quenched", 1e-4)):
        positions = landscape[group].read("positions").astype(np.float64)  # float32 on the disk
        found = landscape[group].read("energy")
        assert np.abs(rgl_energies(positions, ALLOY) - found).max() < tolerance, group
        # Exchanged, silver for copper, they would be others.
        assert np.abs(rgl_energies(positions[:, ::-1], ALLOY) - found).min() > 0.01, group


def test_seeds_come_with_each_placement(landscape: Landscape) -> None:
    seeds = landscape["seeds"]
    placements = np.array(seeds.attributes["placements"])
    motifs = seeds.read("motif")
    assert set(placements) == {"core-shell", "random"}
    for motif in set(motifs.tolist()):
        assert sorted(placements[motifs == motif]) == ["core-shell", "random"]
    # The small atoms inside: copper nearer to the centre than silver, which relaxation keeps.
    positions = seeds.read("positions")[placements == "core-shell"]
    away = np.linalg.norm(positions - positions.mean(axis=1, keepdims=True), axis=2)
    assert (away[:, 14:].mean(axis=1) < away[:, :14].mean(axis=1)).all()


def test_distinct_structures_differ_and_repeated_ones_do_not(landscape: Landscape) -> None:
    codes = landscape["classes"].read("cluster_class")
    energies = landscape["quenched"].read("energy")
    positions = landscape["quenched"].read("positions").astype(np.float64)
    unique = landscape["unique"]
    rows = unique.read("snapshot")
    assert unique.read("multiplicity").sum() == (codes >= 0).sum()
    partials = partial_rdf(positions[rows], species=SYMBOLS)[0].reshape(len(rows), -1)
    step = 25.0 / 499
    for code in set(codes[rows].tolist()):
        order = np.flatnonzero(codes[rows] == code)
        order = order[np.argsort(energies[rows[order]])]
        for a, b in pairwise(order):
            near = energies[rows[b]] - energies[rows[a]] < 1e-4
            differ = np.sqrt(step * ((partials[a] - partials[b]) ** 2).sum()) >= 1e-3
            assert differ or not near


def test_acceptance_of_the_species_swaps_is_told(run: Path, landscape: Landscape) -> None:
    told = json.loads(call("statistics", run, "--json"))["species_swaps"]
    assert told["attempted"] == [60 * 200, 60 * 200]
    assert 0 < told["accepted"][0] < told["accepted"][1] < 12_000  # more when it is hot
    assert told["accepted"] == landscape["snapshots"].attributes["species_accepts"]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "attempts to exchange two unlike atoms" in page
    assert "learned from all distances, whatever the elements" in page
    assert "Ag14Cu6" in page
    assert "Ag14Cu620" not in page
    assert "species swaps accepted" in call("statistics", run)


def test_copper_moves_through_the_cluster(landscape: Landscape) -> None:
    # Without swaps an atom of a solid cluster stays where it began.
    quenched = landscape["quenched"].read("positions").astype(np.float64)
    away = np.linalg.norm(quenched - quenched.mean(axis=1, keepdims=True), axis=2)
    innermost = away.argmin(axis=1)
    assert len(set(innermost.tolist())) > 3


def test_families_words_and_the_explorer_know_the_elements(run: Path, tmp_path: Path) -> None:
    call("families", run, "--export", tmp_path / "catalogue", "--json")
    files = sorted((tmp_path / "catalogue").glob("family-*.extxyz"))
    assert files
    for atoms in read(files[0], ":"):
        assert atoms.get_chemical_symbols() == SYMBOLS
    source = RunSource(run)
    assert source.points().symbols == tuple(SYMBOLS)
    (item,) = source.structures(np.array([0])).items
    assert "Ag" in item["sentence"]
    positions = source.structures(np.array([0])).positions[0]
    text = tmp_path / "one.xyz"
    shuffled = np.random.default_rng(0).permutation(20)
    write(text, Atoms(SYMBOLS, positions)[shuffled], format="extxyz")
    placed = source.place(text.read_text())
    assert placed.items[0]["sentence"] == item["sentence"]
    write(text, Atoms("Ag13Cu7", positions), format="extxyz")
    with pytest.raises(NanochartError, match="Ag13Cu7, expected Ag14Cu6"):
        source.place(text.read_text())


def test_md_and_projection_keep_the_elements(run: Path, tmp_path: Path) -> None:
    trajectory = tmp_path / "md.dcd"
    told = json.loads(
        call(
            *("md", run, "--frame", 3, "--temperature", 300, "--time", 0.005, "--json"),
            *("-o", trajectory, "--chart", run, "--chart-every", 2),
        )
    )
    assert told["frames"] == 5
    energies = np.genfromtxt(f"{trajectory}.csv", delimiter=",", names=True)
    positions = np.concatenate(list(open_dcd(trajectory).frames(block=10)))
    name = next(n for n in energies.dtype.names if "energy" in n)
    assert np.abs(rgl_energies(positions.astype(float), ALLOY) - energies[name]).max() < 1e-3
    call("project", run, trajectory, "-o", tmp_path / "dcd.csv", "--quench")
    # The same frames with elements, and the atoms of each frame in some other order.
    order = np.random.default_rng(1).permutation(20)
    file = tmp_path / "frames.xyz"
    write(file, [Atoms(SYMBOLS, one)[order] for one in positions], format="extxyz")
    call("project", run, file, "-o", tmp_path / "xyz.csv", "--quench")
    tables = [
        np.genfromtxt(tmp_path / f"{one}.csv", delimiter=",", names=True, dtype=None, encoding=None)
        for one in ("dcd", "xyz")
    ]
    for column in ("cv1", "energy", "class", "family"):
        column = next(n for n in tables[0].dtype.names if n.startswith(column))
        one, other = (table[column] for table in tables)
        if one.dtype.kind == "f":
            assert np.allclose(one, other, atol=1e-3), column
        else:
            assert (one == other).all(), column
    write(file, [Atoms("Ag13Cu7", positions[0])], format="extxyz")
    refused = CliRunner().invoke(app, ["project", str(run), str(file), "-o", str(file) + ".csv"])
    assert "expected Ag14Cu6" in str(refused.exception)


def test_the_chart_takes_atoms_in_any_order_and_no_other_composition(
    run: Path, landscape: Landscape
) -> None:
    chart = nc.load_chart(run / "chart.safetensors")
    positions = landscape["quenched"].read("positions", 0, 3).astype(np.float64)
    order = np.random.default_rng(0).permutation(20)
    shuffled = [Atoms(SYMBOLS, one)[order] for one in positions]
    assert np.allclose(chart.transform(shuffled), chart.transform(positions), atol=1e-5)
    with pytest.raises(NanochartError, match="trained on Ag14Cu6, the structures are Ag13Cu7"):
        chart.transform(Atoms("Ag13Cu7", positions[0]))
    _, gradients = chart.vjp(shuffled, np.ones(3))
    assert np.allclose(gradients, chart.vjp(positions, np.ones(3))[1][:, order], atol=1e-4)


def test_export_refuses_an_alloy(run: Path, tmp_path: Path) -> None:
    refused = CliRunner().invoke(
        app, ["export", str(run / "chart.safetensors"), "--to", "ase", "-o", str(tmp_path / "x")]
    )
    assert refused.exit_code != 0
    assert "alloy Ag14Cu6" in str(refused.exception)


def do(folder: Path, text: str, *names: str) -> Landscape:
    with open_run(folder, parse_run_file(text, where="test"), text, STAGES) as one:
        for name in names:
            one.do(name, silent)
        return one.landscape


SHORT = RUN_FILE.replace("cycles = 60", "cycles = 4").replace(
    "commit_every = 30", "commit_every = 2"
)


def test_a_run_gone_on_with_has_the_bits_of_one_in_one_go(tmp_path: Path) -> None:
    half = SHORT.replace("cycles = 4", "cycles = 2")
    do(tmp_path / "two", half, "seeds", "sample")
    two = do(tmp_path / "two", SHORT, "sample")
    one = do(tmp_path / "one", SHORT, "seeds", "sample")
    for name in ("positions", "energy"):
        assert np.array_equal(two["snapshots"].read(name), one["snapshots"].read(name))
    kept = [each["snapshots"].attributes for each in (one, two)]
    assert kept[0]["species_accepts"] == kept[1]["species_accepts"]


def fingerprint(folder: Path, text: str, stage: str) -> str:
    return Run(folder, parse_run_file(text, where="test"), text, STAGES).fingerprint(stage)


def test_runs_of_one_element_are_what_they_were_before_there_were_alloys(tmp_path: Path) -> None:
    text = (
        '[system]\nspecies = "Au"\nn_atoms = 20\n[sampling]\ntemperatures = [300, 450]\n'
        "steps_per_cycle = 20\ncycles = 10\ncommit_every = 5\n"
    )
    # Made by the version before: such a run is gone on with.
    assert fingerprint(tmp_path / "au", text, "sample") == "841531f7566814244b0a9c0180916a93"
    swaps = SHORT.replace("[sampling]", "[sampling]\nspecies_swaps = 7")
    assert fingerprint(tmp_path / "a", swaps, "sample") != fingerprint(
        tmp_path / "b", SHORT, "sample"
    )


@pytest.mark.parametrize(
    "system",
    [
        'species = "Ag14Cu6"',
        'species = "Cu6Ag14"\nn_atoms = 20',
        'species = ["Ag", "Cu"]\nn_atoms = [14, 6]',
        'species = ["Cu", "Ag"]\nn_atoms = [6, 14]\npotential = "Ag-Cu"',
    ],
)
def test_an_alloy_is_written_as_people_write_it(system: str) -> None:
    file = parse_run_file(SHORT.replace('species = "Ag14Cu6"', system), where="test")
    assert (file.system.species, file.system.n_atoms, file.name) == ("Ag14Cu6", 20, "Ag14Cu6")
    assert file.species_swaps == 200
    assert file.make_potential() == ALLOY


BY_EMT = '[potential]\nkind = "ase"\ncalculator = "ase.calculators.emt:EMT"\nr0 = 2.8\n'


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"Ag14Cu6"', '"Ag14Cu6"\nn_atoms = 21', "Ag14Cu6 has 20 atoms, not 21"),
        ('"Ag14Cu6"', '"Ag14Xx6"', "there is no element 'Xx'"),
        ('"Ag14Cu6"', '["Ag", "Cu"]\nn_atoms = 20', "must be one of as many numbers"),
        ('"Ag14Cu6"', '["Ag", "Ag"]\nn_atoms = [14, 6]', "every element once"),
        ('"Ag14Cu6"', '"Ag14Pt6"', "no RGL set 'Ag-Pt' for Ag14Pt6; there are Ag-Cu"),
        ('"Ag14Cu6"', '"Ag14Cu6"\npotential = "Ag-Au"', "Ag-Au is for Ag and Au"),
        (
            "[sampling]",
            '[potential]\nkind = "rgl"\np=1\nq=1\nA=1\nxi=1\nr0=3\n[sampling]',
            "element",
        ),
        ("[sampling]", BY_EMT.replace("emt:EMT", "emt") + "[sampling]", "module:name"),
        ("[sampling]", BY_EMT.replace("r0 = 2.8", "") + "[sampling]", "needs r0"),
        ("[sampling]", BY_EMT + "p = 3.0\n[sampling]", "takes no p"),
    ],
)
def test_bad_alloys_are_told_in_a_line(old: str, new: str, match: str) -> None:
    with pytest.raises(NanochartError, match=match) as caught:
        parse_run_file(SHORT.replace(old, new, 1), where="test")
    assert "\n" not in str(caught.value)


def test_swaps_of_one_element_are_refused() -> None:
    text = SHORT.replace('"Ag14Cu6"', '"Ag"\nn_atoms = 20')
    with pytest.raises(NanochartError, match="exchange unlike atoms, and Ag20 has none"):
        parse_run_file(text.replace("[sampling]", "[sampling]\nspecies_swaps = 3"), where="test")


def test_a_calculator_moves_the_atoms_and_its_code_must_be_named(tmp_path: Path) -> None:
    text = SHORT.replace("[sampling]", BY_EMT + "[sampling]").replace(
        "steps_per_cycle = 200", "steps_per_cycle = 10\nspecies_swaps = 5"
    )
    text = text.replace('"Ag14Cu6"', '"Ag7Cu6"').replace("cycles = 4", "cycles = 2")
    found = do(tmp_path / "emt", text, "seeds", "sample", "quench")
    positions = found["quenched"].read("positions").astype(np.float64)
    atoms = Atoms(found.symbols, positions[0])
    atoms.calc = EMT()
    assert found["quenched"].read("energy")[0] == pytest.approx(
        atoms.get_potential_energy(), abs=1e-4
    )
    options = {"species": None, "n_atoms": None, "frame": 0}
    with pytest.raises(NanochartError, match=r"runs the code ase\.calculators\.emt:EMT; if you"):
        find_start(str(tmp_path / "emt"), potential=None, **options)
    with pytest.raises(NanochartError, match="runs the code"):
        find_start(str(tmp_path / "emt"), potential="os:system", **options)
    named = find_start(str(tmp_path / "emt"), potential="ase.calculators.emt:EMT", **options)
    assert named.potential.species == "Ag7Cu6"
    with pytest.raises(NanochartError, match="names code: only a run folder"):
        find_start("ih", species="Au", n_atoms=13, potential="os:system")


def test_low_minima_of_an_alloy_are_searched(tmp_path: Path) -> None:
    told = json.loads(
        call("seeds", "Cu3Ag10", "--steps", 4, "--workers", 1, "--json", "-o", tmp_path / "low")
    )
    assert told["system"] == "Ag10Cu3"
    lowest = read(tmp_path / "low" / "minima.extxyz", 0)
    assert lowest.get_chemical_symbols() == ["Ag"] * 10 + ["Cu"] * 3
    energy = rgl_energies(lowest.positions[np.newaxis], rgl_alloy("Ag10Cu3"))[0]
    assert energy == pytest.approx(told["minima"][0]["energy"], abs=1e-5)
    assert told["minima"][0]["from"].split()[1] in ("core-shell", "random")
    with pytest.raises(NanochartError, match="another species"):
        find_minima("Ag9Cu4", 13, tmp_path / "low", n_workers=1)
