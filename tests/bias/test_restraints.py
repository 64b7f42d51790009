"""Springs and walls against their definition; a steered particle's work against Jarzynski's."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from nanochart.bias.force import BiasForce, BiasPlan, plan_from_json
from nanochart.bias.restraints import Restraint, Springs, Wall
from nanochart.errors import NanochartError

from .wells import KELVIN, Coordinates

NAMES = ("x", "y")
MOVING = Restraint("steer", ("x",), (1.0,), (2.0,), to=(3.0,), begin=10.0, end=20.0)


def test_energies_and_slopes_are_one_another_s() -> None:
    springs = Springs(
        [Restraint("hold", ("y", "x"), (0.5, -1.0), (3.0, 4.0)), MOVING],
        [Wall("upper", "x", 0.2, 5.0), Wall("lower", "y", 1.0, 6.0), Wall("lower", "x", -9.0, 1.0)],
        NAMES,
    )
    here = np.array([0.7, 0.4])

    def energy(values: np.ndarray) -> float:
        energies, walls = springs.act(values, 15.0, np.zeros(2))
        return sum(energies) + walls

    slopes = np.zeros(2)
    energies, walls = springs.act(here, 15.0, slopes)
    assert energies[0] == pytest.approx(0.5 * (3 * 0.1**2 + 4 * 1.7**2))
    assert energies[1] == pytest.approx(0.5 * 2 * (0.7 - 2.0) ** 2)
    assert walls == pytest.approx(0.5 * (5 * 0.5**2 + 6 * 0.6**2))
    for d in range(2):
        step = 1e-6 * np.eye(2)[d]
        assert slopes[d] == pytest.approx(
            (energy(here + step) - energy(here - step)) / 2e-6, rel=1e-6
        )
    still = Springs(springs.restraints[:1], springs.walls, NAMES)
    assert still.energy_of(here[None])[0] == pytest.approx(energies[0] + walls)


def test_a_restraint_moves_between_its_times_only() -> None:
    assert [MOVING.centre_at(t)[0] for t in (0, 10, 12.5, 20, 99)] == [1, 1, 1.5, 3, 3]
    springs = Springs([MOVING], [], NAMES)
    (work,) = springs.works(np.array([0.0, 0.0]), 12.5, 15.0)
    assert work == pytest.approx(0.5 * 2 * (2.0**2 - 1.5**2))
    assert springs.works(np.array([0.0, 0.0]), 0.0, 5.0) == [0.0]


def test_a_restraint_goes_by_way_of_points_each_leg_in_the_same_time() -> None:
    ends = ((1.0, 0.0), (2.0, 3.0), (3.0, 0.0))
    way = Restraint("steer", NAMES, *ends, 10.0, 20.0, via=((1.0, 4.0), (2.0, 4.0)))
    legs = [way.centre_at(10.0 + 10.0 * i / 3) for i in range(4)]
    np.testing.assert_allclose(legs, [(1, 0), (1, 4), (2, 4), (3, 0)], atol=1e-12)
    np.testing.assert_allclose(way.centre_at(10.0 + 5.0), (1.5, 4.0), atol=1e-12)
    assert way.centre_at(99.0) == (3.0, 0.0)
    # Where nothing moves with the centre, the work is the spring's energy at the end less that at
    # the beginning, whatever the way.
    springs = Springs([way], [], NAMES)
    here, times = np.array([0.3, 0.7]), np.linspace(10.0, 20.0, 1001)
    works = [springs.works(here, a, b)[0] for a, b in itertools.pairwise(times)]
    before, after = (float(way.energy(here, centre)) for centre in (ends[0], ends[2]))
    assert sum(works) == pytest.approx(after - before)
    # A plan comes back from its record as it was.
    plan = BiasPlan(300.0, 1.0, 1, 100, restraints=(way,))
    assert plan_from_json(json.loads(json.dumps(asdict(plan)))) == plan


def test_work_by_jarzynski_is_the_free_energy() -> None:
    # A particle on a spring k of its own, pulled by another, κ: ΔF = ½ kκ/(k + κ) L², whatever the
    # speed; the mean work is above that.
    kt, own, kappa, length, n = KELVIN * 300, 1.0, 2.0, 0.25, 100
    pull = Restraint("steer", ("x",), (0.0,), (kappa,), to=(length,), begin=0.0, end=0.1)
    plan = BiasPlan(300.0, 1.0, 1, 100, restraints=(pull,))
    works = []
    rng = np.random.default_rng(5)
    for _ in range(n):
        force = BiasForce(Coordinates("x"), plan, None)
        place = np.array([[rng.normal(scale=np.sqrt(kt / (own + kappa))), 0.0, 0.0]])
        _, extra = force(place)
        for _ in range(100):
            place[0, 0] += 0.02 * (extra[0, 0] - own * place[0, 0])
            place[0, 0] += rng.normal(scale=np.sqrt(2 * kt * 0.02))
            _, extra = force(place)
        assert len(force.rows) == 1
        assert force.rows[0][-1] == force.works[0]
        works.append(force.works[0])
    expected = 0.5 * own * kappa / (own + kappa) * length**2
    assert np.mean(works) > expected
    found = -kt * np.log(np.mean(np.exp(-np.array(works) / kt)))
    assert found == pytest.approx(expected, abs=0.15 * kt)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"spring": (0.0,)}, "springs must be positive"),
        ({"spring": (1.0, 2.0)}, "one number for each"),
        ({"centre": (np.nan,)}, "not finite"),
        ({"begin": 30.0}, "begin before end"),
    ],
)
def test_restraints_that_make_no_sense_are_refused(changed: dict, told: str) -> None:
    with pytest.raises(NanochartError, match=told):
        replace(MOVING, **changed)


def test_what_there_is_no_variable_of_is_told() -> None:
    with pytest.raises(NanochartError, match=r"steer: there is no variable 'x'; there are y, z"):
        Springs([MOVING], [], ("y", "z"))
    with pytest.raises(NanochartError, match="s and z need a line"):
        Springs([], [Wall("upper", "s", 1.0, 1.0)], NAMES)
    with pytest.raises(NanochartError, match="two restraints have one name"):
        Springs([MOVING, MOVING], [], NAMES)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"stride": 6}, "every 30 fs; at most 25 fs are sound"),
        ({"stride": 3, "log_every": 40}, "log: every 40 steps is not a multiple"),
    ],
)
def test_impulses_that_come_too_seldom_are_refused(options: dict, told: str) -> None:
    with pytest.raises(NanochartError, match=told):
        BiasPlan(300.0, 5.0, **options)


def test_an_escaped_atom_and_a_number_that_is_none_stop_the_run() -> None:
    plan = BiasPlan(300.0, 1.0, restraints=(Restraint("hold", ("x",), (0.0,), (1.0,)),))
    force = BiasForce(Coordinates("x"), plan, None, reach=3.0)
    away = np.array([[0.0, 0, 0], [0, 0, 0], [0, 0, 9.0]])
    with pytest.raises(NanochartError, match=r"an atom escaped at 0 ps: 6\.0 Å .* wall on rg"):
        force(away)
    with pytest.raises(NanochartError, match="escaped"):
        force(np.full((3, 3), np.nan))

    class Broken(Coordinates):
        def at(self, positions):
            return np.array([np.nan]), super().at(positions)[1]

    with pytest.raises(NanochartError, match="the bias is not finite at 0 ps, where x = nan"):
        BiasForce(Broken("x"), plan, None)(np.zeros((1, 3)))
