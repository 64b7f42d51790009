"""The file of a biased run: springs, walls and hills in TOML, checked before anything starts.

Every option is documented where it is declared, with its default; an unknown key is an error. The
command line's options make the same thing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from nanochart.bias.force import BiasPlan
from nanochart.bias.metadynamics import Metadynamics
from nanochart.bias.restraints import Restraint, Wall
from nanochart.bias.variables import Line
from nanochart.chart.chart import Chart
from nanochart.errors import NanochartError
from nanochart.sampling.potentials import Potential
from nanochart.workflow.config import Count, Positive, Section

PAGE = "docs/bias.md"
Point = int | list[float]
Values = dict[str, float]

#: Springs and hills that are not given follow the bandwidth of the chart's families: a spring that
#: lets a CV stray by a quarter of it at 350 K, hills of 0.3 of it.
_SPRING, _SIGMA = 0.5, 0.3
#: Widths and springs of the others: s and z in lengths of their line, rg in Å.
_RG_SIGMA, _RG_SPRING = 0.02, 100.0
#: The wall on rg: of a sphere of bulk density, times this. A melted Au147 has 1.02.
_RG_WALL = 1.07
#: A wall on another variable: of a restraint's spring, for impulses up to so far apart, fs. For
#: those further apart it is softer, so that ω Δt stays the same: below 2 wherever Au147 was hot.
_WALL_STIFFNESS, _WALL_IMPULSE = 10.0, 10.0
#: How far walls and grids reach beyond the families' centres, of the range of these.
_WALL, _GRID = 0.15, 0.30


class LineSection(Section):
    """A line on the chart, for the variables s and z."""

    start: Point = Field(description="where s = 0: a family by its number, or coordinates")
    end: Point = Field(description="where s = 1")


class RestrainSection(Section):
    """A restraint at rest."""

    at: Point | Values = Field(description="a family, or values of variables: { cv1 = 3.0 }")
    spring: Positive | dict[str, Positive] | None = Field(
        default=None, description="eV per squared unit; by default from the families' bandwidth"
    )


class SteerSection(Section):
    """A restraint that moves."""

    to: Point | Values = Field(description="a family, or values of variables")
    start: Point | Values | None = Field(
        default=None, description="from where; by default from where the run starts"
    )
    via: list[Point | Values] | None = Field(
        default=None, description="points on the way; each leg takes the same time"
    )
    spring: Positive | dict[str, Positive] | None = Field(
        default=None, description="eV per squared unit"
    )
    begin: Annotated[float, Field(ge=0)] = Field(default=0.0, description="rests until then, ns")
    end: Positive | None = Field(
        default=None, description="rests after, ns; default: the run's end"
    )


class WallSection(Section):
    """A wall on one variable."""

    variable: str = Field(description="cv1, cv2, ..., rg, and s, z with a line")
    upper: float | None = Field(default=None, description="the variable stays below")
    lower: float | None = Field(default=None, description="the variable stays above")
    spring: Positive | None = Field(default=None, description="eV per squared unit")


class MetadSection(Section):
    """Well-tempered metadynamics."""

    variables: list[str] = Field(description="one to three", min_length=1, max_length=3)
    sigma: list[Positive] | None = Field(default=None, description="width of a hill in each")
    height: Positive = Field(default=0.03, description="of the first hill, eV")
    pace: Positive = Field(default=1.0, description="between two hills, ps")
    bias_factor: float = Field(default=20.0, description="above 1; about barrier / kT")
    grid: dict[str, tuple[float, float]] = Field(
        default={}, description="bounds of a variable; by default around the chart's families"
    )


class BiasFile(Section):
    """A whole file."""

    every: Count = Field(default=2, description="MD steps between impulses of the bias")
    log: Positive = Field(default=0.2, description="between rows of COLVAR, ps")
    line: LineSection | None = Field(default=None, description="defines s and z")
    restrain: list[RestrainSection] = Field(default=[])
    steer: list[SteerSection] = Field(default=[])
    wall: list[WallSection] = Field(default=[])
    metad: MetadSection | None = None


def line_of(file: BiasFile, chart: Chart) -> Line | None:
    """Return the line of a file on a chart."""
    if file.line is None:
        return None
    start, end = (point_on(chart, one) for one in (file.line.start, file.line.end))
    return Line(start, end)


def point_on(chart: Chart, point: Point) -> tuple[float, ...]:
    """Return a point of a chart: a family's centre, or the coordinates that were given."""
    if isinstance(point, int):
        if chart.families is None:
            raise NanochartError("this chart has no families: give coordinates instead")
        return tuple(float(x) for x in chart.families[point].centre)
    if len(point) != chart.model.n_cvs:
        raise NanochartError(f"{point}: a point of this chart has {chart.model.n_cvs} coordinates")
    return tuple(point)


def plan_of(
    file: BiasFile,
    chart: Chart,
    potential: Potential,
    *,
    temperature: float,
    timestep: float,
    time: float,
    begin: Mapping[str, float],
) -> BiasPlan:
    """Return the bias that a file asks for, with its defaults for this chart.

    Parameters
    ----------
    file
        Checked.
    chart, potential
        What is biased.
    temperature, timestep
        K, fs.
    time
        When steering without an end arrives, ps.
    begin
        Values of all variables where the run starts: from there restraints move.

    Raises
    ------
    NanochartError
        There is nothing to do, or something does not fit the chart.
    """
    if not (file.restrain or file.steer or file.metad):
        raise NanochartError(
            "nothing to bias with: give --steer-to, --restrain or --metad (or --config); "
            "nanochart md runs without a bias"
        )
    defaults = _Defaults(chart, potential, line_of(file, chart), file.every * timestep)
    restraints = [
        _restraint(_name("restrain", i), defaults.values(one.at), one.spring, defaults)
        for i, one in enumerate(file.restrain)
    ]
    for i, one in enumerate(file.steer):
        restraints.append(_moving(_name("steer", i), one, defaults, time, begin))
    walls = [wall for one in file.wall for wall in _walls(one, defaults)]
    metad = None
    if file.metad is not None:
        metad = _metadynamics(file.metad, defaults, timestep)
        asked = {(wall.variable, wall.side) for wall in walls}
        walls += [
            wall
            for name in metad.variables
            for wall in defaults.walls(name)
            if (name, wall.side) not in asked and name not in file.metad.grid
        ]
    if not any(wall.variable == "rg" and wall.side == "upper" for wall in walls):
        walls.append(Wall("upper", "rg", _RG_WALL * defaults.rg, _RG_SPRING))
    return BiasPlan(
        temperature=temperature,
        timestep=timestep,
        stride=file.every,
        log_every=_steps(file.log, timestep, "log"),
        restraints=tuple(restraints),
        walls=tuple(walls),
        metadynamics=metad,
    )


def _name(kind: str, number: int) -> str:
    return kind if number == 0 else f"{kind}{number + 1}"


def _steps(time: float, timestep: float, what: str) -> int:
    """Return how many steps a time in ps is."""
    steps = round(time * 1e3 / timestep)
    if steps < 1 or not math.isclose(steps * timestep, time * 1e3, rel_tol=1e-9):
        raise NanochartError(f"{what}: {time:g} ps is no whole number of steps of {timestep:g} fs")
    return steps


class _Defaults:
    """What is not given, from the chart and the potential."""

    def __init__(
        self, chart: Chart, potential: Potential, line: Line | None, impulse: float
    ) -> None:
        self._chart, self._line = chart, line
        self._impulse = impulse  # fs
        self._bandwidth = 1.0 if chart.families is None else chart.families.bandwidth
        #: Gyration radius of a sphere of bulk density (fcc: a volume of r0³/√2 an atom), Å.
        self.rg = sphere_radius(potential, chart.n_atoms) * math.sqrt(3 / 5)

    def values(self, point: Point | Values) -> Values:
        """Return values of variables: those given, or the CVs of a point of the chart."""
        if isinstance(point, dict):
            if not point:
                raise NanochartError("a restraint needs at least one variable")
            return point
        return {f"cv{i + 1}": x for i, x in enumerate(point_on(self._chart, point))}

    def sigma(self, name: str) -> float:
        """Return the width of a hill."""
        if name == "rg":
            return _RG_SIGMA
        return _SIGMA * self._bandwidth / self._unit(name)

    def spring(self, name: str) -> float:
        """Return the spring of a restraint."""
        if name == "rg":
            return _RG_SPRING
        return _SPRING * (self._unit(name) / self._bandwidth) ** 2

    def wall_spring(self, name: str) -> float:
        """Return the spring of a wall: ten times a restraint's, less for impulses far apart."""
        if name == "rg":
            return _RG_SPRING
        return _WALL_STIFFNESS * min(1.0, _WALL_IMPULSE / self._impulse) ** 2 * self.spring(name)

    def bounds(self, name: str, share: float) -> tuple[float, float]:
        """Return the range of a variable over the families, widened by a share of it."""
        if name == "rg":
            return 0.93 * self.rg, (_RG_WALL + share * 0.2) * self.rg
        if name == "z":
            return -share, 1.0 + share
        if name == "s":
            return -2 * share, 1.0 + 2 * share
        families = self._chart.families
        if families is None:
            raise NanochartError(
                f"this chart has no families to take bounds of {name} from: give [metad.grid] and "
                "walls"
            )
        column = families.centres[:, self._number(name)]
        low, high = float(column.min()), float(column.max())
        return low - share * (high - low), high + share * (high - low)

    def walls(self, name: str) -> list[Wall]:
        """Return the walls that keep a variable on its grid."""
        low, high = self.bounds(name, _WALL)
        spring = self.wall_spring(name)
        found = [Wall("upper", name, high, spring)]
        return found if name == "z" else [*found, Wall("lower", name, low, spring)]

    def grid(self, name: str) -> tuple[float, float]:
        """Return the bounds of a variable's grid."""
        return self.bounds(name, _GRID)

    def _unit(self, name: str) -> float:
        """Return what one unit of a variable is in units of the CVs."""
        if name in ("s", "z") and self._line is not None:
            return float(np.linalg.norm(np.subtract(self._line.end, self._line.start)))
        return 1.0

    def _number(self, name: str) -> int:
        n = self._chart.model.n_cvs
        names = [f"cv{i + 1}" for i in range(n)]
        if name not in names:
            raise NanochartError(
                f"there is no variable {name!r}; there are {', '.join(names)}, rg, and with a line "
                "s and z"
            )
        return names.index(name)


def sphere_radius(potential: Potential, n_atoms: int) -> float:
    """Return the radius (Å) of a sphere of so many atoms at bulk density."""
    return float(potential.r0 * (3 * n_atoms / (4 * math.pi * math.sqrt(2))) ** (1 / 3))


def _springs(
    values: Values, spring: float | dict[str, float] | None, defaults: _Defaults, name: str
) -> tuple[float, ...]:
    """Return a spring for each variable: one number for all, one for each, or the defaults."""
    if isinstance(spring, dict):
        unknown = [one for one in spring if one not in values]
        if unknown:
            raise NanochartError(f"{name}: a spring for {unknown[0]}, which it does not hold")
        return tuple(spring.get(one, defaults.spring(one)) for one in values)
    return tuple(defaults.spring(one) if spring is None else spring for one in values)


def _restraint(
    name: str, at: Values, spring: float | dict[str, float] | None, defaults: _Defaults
) -> Restraint:
    return Restraint(name, tuple(at), tuple(at.values()), _springs(at, spring, defaults, name))


def _moving(
    name: str, one: SteerSection, defaults: _Defaults, time: float, begin: Mapping[str, float]
) -> Restraint:
    """Return a steered restraint; times in the file are ns."""
    to = defaults.values(one.to)
    start = begin if one.start is None else defaults.values(one.start)
    lacking = [variable for variable in to if variable not in start]
    if lacking:
        raise NanochartError(f"{name}: {lacking[0]} has no start, or is no variable of this run")
    via = [defaults.values(point) for point in one.via or []]
    if any(set(point) != set(to) for point in via):
        raise NanochartError(f"{name}: points on the way need values of {', '.join(to)}, no others")
    return Restraint(
        name,
        tuple(to),
        tuple(start[variable] for variable in to),
        _springs(to, one.spring, defaults, name),
        to=tuple(to.values()),
        begin=one.begin * 1e3,
        end=time if one.end is None else one.end * 1e3,
        via=tuple(tuple(point[variable] for variable in to) for point in via),
    )


def _walls(one: WallSection, defaults: _Defaults) -> list[Wall]:
    spring = defaults.wall_spring(one.variable) if one.spring is None else one.spring
    found = []
    if one.upper is not None:
        found.append(Wall("upper", one.variable, one.upper, spring))
    if one.lower is not None:
        found.append(Wall("lower", one.variable, one.lower, spring))
    if not found:
        raise NanochartError(f"wall on {one.variable}: give upper, lower or both")
    return found


def _metadynamics(one: MetadSection, defaults: _Defaults, timestep: float) -> Metadynamics:
    sigma = one.sigma or [defaults.sigma(name) for name in one.variables]
    strange = [name for name in one.grid if name not in one.variables]
    if strange:
        raise NanochartError(f"metad.grid: {strange[0]} is none of the variables of the hills")
    bounds = [one.grid[name] if name in one.grid else defaults.grid(name) for name in one.variables]
    return Metadynamics(
        variables=tuple(one.variables),
        sigma=tuple(sigma),
        height=one.height,
        pace=_steps(one.pace, timestep, "pace"),
        bias_factor=one.bias_factor,
        minimum=tuple(low for low, _ in bounds),
        maximum=tuple(high for _, high in bounds),
    )
