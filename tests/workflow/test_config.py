"""The run file: what is wrong is named by its key, what is right comes through unchanged."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.chart.protocol import TrainingSettings
from nanochart.errors import NanochartError
from nanochart.sampling.rgl import rgl
from nanochart.workflow.config import RunFile, as_toml, parse_run_file, read_run_file
from nanochart.workflow.learn import settings_of
from nanochart.workflow.stages import STAGES

SMALL = """
[system]
species = "Au"
n_atoms = 90

[sampling]
temperatures = [300, 350.5, 400]
cycles = 20
"""


def with_lines(section: str, *lines: str) -> str:
    """Return the small run file with lines added to one of its sections, made if need be."""
    heading = f"[{section}]"
    added = "\n".join([heading, *lines])
    return SMALL.replace(heading, added) if heading in SMALL else f"{SMALL}\n{added}\n"


def without(key: str) -> str:
    return "\n".join(line for line in SMALL.splitlines() if not line.startswith(key))


def test_what_a_small_run_file_leaves_out_is_the_papers_protocol() -> None:
    found = parse_run_file(SMALL, where="run.toml")
    assert found.name == "Au90"
    assert found.sampling.temperatures == [300.0, 350.5, 400.0]
    # Swaps every 250 ps at 5 fs; RDF bandwidth 0.2 Å; Adam at 1e-3, halved at 30 and 90, batches
    # of 128, 80/20; 0.1 meV between duplicates (FACTS sections 1 and 3, from the paper).
    assert found.sampling.steps_per_cycle * found.sampling.timestep == 250_000
    assert found.descriptor.bandwidth == 0.2
    # What is left out of [training] is the network's own: the paper's settings, of its dataclass.
    training = settings_of(found)
    assert training == TrainingSettings()
    assert (training.learning_rate, training.halve_at) == (1e-3, (30, 90))
    assert (training.batch_size, training.validation_fraction) == (128, 0.2)
    compact = parse_run_file(with_lines("training", 'network = "compact"'), where="run.toml")
    assert settings_of(compact) == TrainingSettings.of("compact")
    assert found.structure.energy_tolerance == 1e-4


OWN = SMALL + "[potential]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_lines("sampling", "cycels = 3"), "unknown key 'sampling.cycels'"),
        (with_lines("quench", "steps = 3"), "unknown key 'quench.steps'"),
        (with_lines("qench", "max_steps = 3"), "unknown key 'qench'"),
        ("speces = 3\n" + SMALL, "unknown key 'speces'"),
        (without("cycles"), "the key 'sampling.cycles' is missing"),
        (without("temperatures"), "the key 'sampling.temperatures' is missing"),
        (without("species"), "the key 'system.species' is missing"),
        (SMALL.split("[sampling]")[0], "the key 'sampling' is missing"),
        ("", "the key 'system' is missing"),
        (SMALL.replace("[300, 350.5, 400]", "[300, 400, 350.5]"), "400 is followed by 350.5"),
        (SMALL.replace("[300, 350.5, 400]", "[300, 300]"), "300 is followed by 300"),
        (SMALL.replace("[300, 350.5, 400]", "[]"), "sampling.temperatures: .*at least 1"),
        (SMALL.replace("[300, 350.5, 400]", "[0, 100]"), "sampling.temperatures.0: .*than 0"),
        (SMALL.replace("[300, 350.5, 400]", "[100, nan]"), "sampling.temperatures.1"),
        (SMALL.replace("[300, 350.5, 400]", "[100, inf]"), "sampling.temperatures.1"),
        (SMALL.replace("[300, 350.5, 400]", '["hot"]'), "sampling.temperatures.0: .*number"),
        (SMALL.replace("[300, 350.5, 400]", "300"), "sampling.temperatures: .*list"),
        (SMALL.replace('"Au"', '"Fe"'), "system: unknown potential 'Fe'"),
        (with_lines("system", 'potential = "gold"'), "system: unknown potential 'gold'"),
        (with_lines("system", 'potential = "Ag"'), "system: the potential Ag is for Ag, not Au"),
        (SMALL.replace('"Au"', '"Au-LoDiS"'), "system: 'Au-LoDiS' is no formula"),
        (OWN + 'kind = "rgl"\np = 10\n', "potential: kind 'rgl' needs q, A, xi, r0, too"),
        (OWN + 'kind = "lennard-jones"\nepsilon = 1\nsigma = 3\np = 2\n', "takes no p$"),
        (OWN + "p = 10\n", "potential: kind is missing"),
        (OWN + 'kind = "morse"\n', "potential.kind: .*'lennard-jones'"),
        (OWN + 'kind = "lammps"\npair_style = "eam/fs"\n', "needs pair_coeff, r0, too"),
        (
            with_lines("system", 'potential = "Au"')
            + '[potential]\nkind = "lennard-jones"\nepsilon = 1\nsigma = 3\n',
            "give one or the other",
        ),
        (SMALL.replace("= 90", "= 3"), "system.n_atoms: .*4"),
        (SMALL.replace("= 90", "= 90.5"), "system.n_atoms: .*integer"),
        (with_lines("sampling", "steps_per_cycle = 101"), "sampling.steps_per_cycle: .*of 2"),
        (with_lines("sampling", "steps_per_cycle = 0"), "sampling.steps_per_cycle: .*2"),
        (with_lines("sampling", "commit_every = 7"), r"cycles \(20\).*commit_every \(7\)"),
        (SMALL.replace("cycles = 20", "cycles = 0"), "sampling.cycles"),
        (with_lines("sampling", "burn_in = -1"), "sampling.burn_in"),
        (with_lines("sampling", "timestep = 0"), "sampling.timestep"),
        (with_lines("sampling", "damping = -1"), "sampling.damping"),
        (with_lines("sampling", "seed = -1"), "sampling.seed"),
        (with_lines("sampling", 'starts = "worst"'), "sampling.starts: .*'best', 'motifs'"),
        (with_lines("quench", "force_tolerance = 0"), "quench.force_tolerance"),
        (with_lines("quench", "max_steps = 0"), "quench.max_steps"),
        (with_lines("structure", "cutoff = -3.5"), "structure.cutoff"),
        (with_lines("descriptor", "window = [40, 40]"), "descriptor.window: must be two bins"),
        (with_lines("descriptor", "window = [-1, 40]"), "descriptor.window: must be two bins"),
        (with_lines("descriptor", "window = [40, 501]"), "descriptor.window: must be two bins"),
        (with_lines("descriptor", "window = [40]"), "descriptor.window"),
        (with_lines("training", "n_cvs = 4"), "training.n_cvs"),
        (with_lines("training", "validation_fraction = 1"), "training.validation_fraction"),
        (with_lines("training", "batch_size = 1"), "training.batch_size"),
        (with_lines("resources", 'device = "gpu"'), "resources.device: must be 'auto', 'cpu'"),
        (with_lines("families", "bandwidth = 0"), "families.bandwidth"),
        (with_lines("resources", "workers = -1"), "resources.workers"),
        (SMALL + "\n[system]\n", "is not TOML"),
        (SMALL.replace('"Au"', "Au"), r"is not TOML .*line 3"),
        ("system:\n  species: Au\n", "is not TOML"),
    ],
)
def test_every_mistake_is_told_in_one_line_that_names_file_and_key(text: str, message: str) -> None:
    with pytest.raises(NanochartError, match=rf"^my run\.toml: .*{message}") as caught:
        parse_run_file(text, where="my run.toml")
    assert "\n" not in str(caught.value)


@given(extra=st.integers(2, 6))
def test_of_many_mistakes_the_first_is_told_and_the_others_counted(extra: int) -> None:
    ladder = ", ".join(["-1"] * extra)
    text = SMALL.replace("300, 350.5, 400", ladder)
    with pytest.raises(NanochartError, match=rf"temperatures\.0: .*\(and {extra - 1} more\)"):
        parse_run_file(text, where="run.toml")


ladders = st.lists(st.floats(1.0, 5000.0), min_size=1, max_size=40, unique=True).map(sorted)


@settings(deadline=None)
@given(
    ladder=ladders,
    n_atoms=st.integers(4, 2000),
    blocks=st.integers(1, 1000),
    commit_every=st.integers(1, 50),
    half=st.integers(1, 10**6),
    timestep=st.floats(1e-3, 100.0),
    starts=st.sampled_from(["best", "motifs"]),
    potential=st.sampled_from(["", "Au", "Au-LoDiS", "Au-Cleri-Rosato"]),
    seed=st.integers(0, 2**62),
)
def test_settings_written_as_toml_are_read_back_the_same(
    ladder: list[float],
    n_atoms: int,
    blocks: int,
    commit_every: int,
    half: int,
    timestep: float,
    starts: str,
    potential: str,
    seed: int,
) -> None:
    values = {
        "system": {"species": "Au", "n_atoms": n_atoms, "potential": potential},
        "sampling": {
            "temperatures": ladder,
            "cycles": blocks * commit_every,
            "commit_every": commit_every,
            "steps_per_cycle": 2 * half,
            "timestep": timestep,
            "starts": starts,
            "seed": seed,
        },
        "descriptor": {"window": [40, 380]},
    }
    text = as_toml(values)
    assert tomllib.loads(text) == values
    found = parse_run_file(text, where="run.toml")
    assert found == RunFile.model_validate(values)
    assert found.sampling.temperatures == ladder


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    number=st.floats(allow_nan=False, allow_infinity=False),
    whole=st.integers(-(2**63), 2**63 - 1),
    yes=st.booleans(),
)
def test_toml_of_any_values_is_toml_of_those_values(
    text: str, number: float, whole: int, yes: bool
) -> None:
    values: dict[str, dict[str, Any]] = {
        "one": {"text": text, "number": number, "whole": whole},
        "two": {"yes": yes, "list": [number, number], "texts": [text]},
    }
    assert tomllib.loads(as_toml(values)) == values


def test_numpys_numbers_are_written_as_pythons_and_other_things_are_refused() -> None:
    ladder = np.linspace(300, 400, 3)
    text = as_toml({"sampling": {"temperatures": ladder, "cycles": np.int64(20)}})
    assert tomllib.loads(text) == {"sampling": {"temperatures": [300, 350, 400], "cycles": 20}}
    with pytest.raises(NanochartError, match="cannot stand in a run file"):
        as_toml({"sampling": {"temperatures": {300.0, 350.0}}})


def test_a_run_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NanochartError, match=r"run\.toml: cannot be read \(No such file"):
        read_run_file(tmp_path / "run.toml")
    with pytest.raises(NanochartError, match="cannot be read"):
        read_run_file(tmp_path)
    (tmp_path / "latin.toml").write_bytes('species = "Gößner"'.encode("latin-1"))
    with pytest.raises(NanochartError, match=r"latin\.toml: cannot be read \(.*utf-8"):
        read_run_file(tmp_path / "latin.toml")
    (tmp_path / "good.toml").write_text(SMALL, encoding="utf-8")
    assert read_run_file(tmp_path / "good.toml") == SMALL


def test_a_window_must_be_wide_enough_for_the_network() -> None:
    from nanochart.chart.autoencoder import SHRINKAGE
    from nanochart.workflow.config import FEWEST_BINS

    assert FEWEST_BINS == SHRINKAGE + 1
    with pytest.raises(NanochartError, match=r"descriptor\.window: must hold at least 78 bins"):
        parse_run_file(
            '[system]\nspecies = "Au"\nn_atoms = 38\n'
            "[sampling]\ntemperatures = [300]\ncycles = 10\n"
            "[descriptor]\nwindow = [40, 117]\n",
            where="test",
        )


def test_a_bandwidth_must_be_wide_enough_for_the_grid() -> None:
    with pytest.raises(NanochartError, match=r"descriptor\.bandwidth: must be at least two"):
        parse_run_file(
            '[system]\nspecies = "Au"\nn_atoms = 38\n'
            "[sampling]\ntemperatures = [300]\ncycles = 10\n"
            "[descriptor]\nbandwidth = 0.1\n",
            where="test",
        )


def test_a_potential_of_ones_own_stands_in_the_run_file() -> None:
    gold = rgl("Au")
    numbers = f"p = {gold.p}\nq = {gold.q}\nA = {gold.repulsion}\nxi = {gold.hopping}\n"
    text = OWN + f'kind = "rgl"\n{numbers}r0 = {gold.r0}\n'
    own = parse_run_file(text, where="own.toml").make_potential()
    r = np.linspace(2.0, 6.0, 50)
    assert np.array_equal(own.hopping_at(r)[0], gold.hopping_at(r)[0])
    assert np.array_equal(own.repulsion_at(r)[0], gold.repulsion_at(r)[0])
    assert own.name != gold.name
    # Fe has no RGL set, and needs none.
    text = OWN.replace('"Au"', '"Fe"') + 'kind = "lennard-jones"\nepsilon = 0.4\nsigma = 2.3\n'
    assert parse_run_file(text, where="lj.toml").make_potential().species == "Fe"


def test_only_a_potential_of_ones_own_changes_the_fingerprint_of_the_seeds() -> None:
    seeds = STAGES[0]
    plain = seeds.settings(parse_run_file(SMALL, where="a.toml"))
    assert set(plain) == {"species", "n_atoms", "potential"}  # as in runs of former versions
    lj = OWN + 'kind = "lennard-jones"\nepsilon = 1\nsigma = 3\n'
    one = seeds.settings(parse_run_file(lj, where="b.toml"))
    other = seeds.settings(parse_run_file(lj.replace("= 3\n", "= 3.1\n"), where="c.toml"))
    assert one != other != plain
