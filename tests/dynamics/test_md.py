"""MD against the equipartition theorem, conservation of energy, and itself cut in pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.cluster import Icosahedron
from scipy import constants

from nanochart.dynamics.md import Frames, MdSettings, MdState, initial_state, md
from nanochart.errors import NanochartError
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import energy_and_forces, rgl

KELVIN = constants.k / constants.e  # eV
GOLD = rgl("Au")
MINIMUM = engine_for(GOLD, 13).quench(
    Icosahedron("Au", 2, latticeconstant=np.sqrt(2.0) * GOLD.r0).positions, force_tolerance=1e-5
)
SHORT = MdSettings(temperature=400.0, steps_per_frame=10, damping=1.0, seed=5, block=3)


def run(
    settings: MdSettings, n_frames: int, state: MdState | None = None
) -> tuple[MdState, list[Frames]]:
    state = state or initial_state(MINIMUM.positions, settings, GOLD)
    parts = list(md(state, settings, GOLD, n_frames=n_frames))
    return parts[-1][0], [frames for _, frames in parts]


def joined(parts: list[Frames], name: str) -> np.ndarray:
    return np.concatenate([getattr(part, name) for part in parts])


def test_langevin_gives_every_degree_of_freedom_half_kt() -> None:
    # At 30 K a cluster is harmonic: K = ½·3N kT, and U − U₀ = ½(3N − 6) kT, as rotation and drift
    # cost nothing.
    kelvin, n = 30.0, 4000
    settings = MdSettings(temperature=kelvin, steps_per_frame=50, damping=0.1, seed=2)
    _, parts = run(settings, n)
    temperatures, energies = joined(parts, "temperatures"), joined(parts, "energies")
    # Frames are 2.5 damping times apart: count half of them as independent.
    independent = n / 2
    assert temperatures.mean() == pytest.approx(kelvin, rel=4 * np.sqrt(2 / 39 / independent))
    expected = 0.5 * 33 * KELVIN * kelvin
    above = energies[20:].mean() - MINIMUM.energy
    assert above == pytest.approx(expected, rel=4 * np.sqrt(2 / 33 / independent) + 0.01)


def test_without_a_bath_energy_is_conserved_and_the_drift_does_not_carry_it_off() -> None:
    settings = replace(SHORT, damping=None, steps_per_frame=50, block=40)
    start = initial_state(MINIMUM.positions, settings, GOLD)
    # 30 Å/ps: within one block of 10 ps six boxes further, had it not been brought back.
    start = replace(start, velocities=start.velocities + np.array([30.0, 0.0, 0.0]))
    _, parts = run(settings, 80, start)
    kinetic = 1.5 * 13 * KELVIN * joined(parts, "temperatures")
    total = joined(parts, "energies") + kinetic
    assert np.ptp(total) < 3e-3
    assert np.ptp(kinetic) > 0.1  # it does move
    positions = joined(parts, "positions")
    assert np.abs(positions.mean(axis=1)).max() < 1e-12
    for frame, energy in zip(positions[::20], joined(parts, "energies")[::20], strict=True):
        assert energy == pytest.approx(energy_and_forces(frame, GOLD)[0], abs=1e-5)


def test_a_run_in_pieces_has_the_bits_of_a_run_in_one() -> None:
    end, parts = run(SHORT, 8)
    assert [part.first for part in parts] == [0, 3, 6]
    assert [len(part.energies) for part in parts] == [3, 3, 2]
    assert end.block == 2
    state, first = run(SHORT, 3)
    other = engine_for(GOLD, 13)
    other.advance(
        MINIMUM.positions, end.velocities, temperature=900.0, n_steps=30, damping=0.5, seed=1
    )
    state, second = run(SHORT, 7, state)
    assert state.block == 2
    again, rest = run(SHORT, 9, state)
    assert again.block == 3
    for name in ("positions", "energies", "temperatures"):
        whole = joined(parts, name)
        assert np.array_equal(joined(first + second, name), whole[:7])
        assert np.array_equal(joined(first + second[:1] + rest, name)[:8], whole)


def test_frames_are_whole_intervals_of_one_trajectory() -> None:
    # At constant energy the number of frames is only how often one looks.
    settings = replace(SHORT, damping=None, block=6)
    _, (often,) = run(settings, 6)
    _, (seldom,) = run(replace(settings, steps_per_frame=30, block=2), 2)
    assert np.allclose(often.positions[[2, 5]], seldom.positions, atol=1e-9)
    assert settings.interval == pytest.approx(0.05)


def test_the_seed_decides() -> None:
    _, (one,) = run(SHORT, 1)
    _, (other,) = run(replace(SHORT, seed=6), 1)
    assert not np.allclose(one.positions, other.positions, atol=1e-4)
    # Blocks do not share random forces either: same state, same bath, another block.
    state = initial_state(MINIMUM.positions, SHORT, GOLD)
    _, (later,) = run(SHORT, 4, replace(state, block=1))
    assert not np.allclose(one.positions, later.positions, atol=1e-4)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("temperature", -1.0),
        ("temperature", float("nan")),
        ("timestep", 0.0),
        ("damping", 0.0),
        ("steps_per_frame", 0),
        ("block", 0),
        ("seed", -1),
    ],
)
def test_impossible_settings_are_refused(setting: str, value: float) -> None:
    with pytest.raises(NanochartError, match=f"^{setting}: "):
        replace(SHORT, **{setting: value})


def test_a_cluster_that_flies_apart_is_told_with_the_time() -> None:
    # The first block is sound; then the start is hot enough to evaporate.
    settings = replace(SHORT, steps_per_frame=400)
    state, _ = run(settings, 3)
    with pytest.raises(NanochartError, match=r"^after 0\.006 ns: MD of 13 Au atoms") as caught:
        run(settings, 6, replace(state, velocities=state.velocities * 50))
    assert "\n" not in str(caught.value)
