"""Where a biased run begins: its chart, cluster and bias, checked; hot, and inside the domain."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.block import BiasedRun, Walker
from nanochart.bias.force import BiasForce
from nanochart.bias.metadynamics import Hills
from nanochart.bias.tables import comments_of, read_hills
from nanochart.bias.variables import ChartVariables
from nanochart.chart.chart import QUENCHED, Chart, load_chart, shipped_charts
from nanochart.chart.gradient import EncoderName
from nanochart.dynamics.md import MdSettings, MdState, initial_state, md
from nanochart.errors import NanochartError
from nanochart.sampling.potentials import Potential
from nanochart.workflow.bias_file import BiasFile, line_of, plan_of, sphere_radius
from nanochart.workflow.md import start_positions
from nanochart.workflow.start import Start, find_start
from nanochart.workflow.trajectory import Record, read_record

Array = NDArray[np.float64]

#: What is written beside a trajectory, besides the record.
COLVAR, HILLS = ".COLVAR", ".HILLS"
TABLES = (".csv", COLVAR, HILLS)

#: An atom this many radii of a sphere of bulk density from the centre has escaped.
_REACH = 2.0
#: Share of the hot frames that must lie in the chart's domain for a run to begin.
_INSIDE = 0.5
#: Sets the random numbers of the equilibration apart from the run's.
_EQUILIBRATION = 1


@dataclass(frozen=True)
class BiasOptions:
    """How a biased run is done, besides the bias itself.

    Parameters
    ----------
    encoder
        Of the chart.
    equilibrate
        ps of unbiased MD before; its second half must lie in the chart's domain.
    n_walkers
        Runs that share their hills.
    hills
        A HILLS file to begin with, None: none.
    outside
        Begin also outside the chart's domain.
    """

    encoder: EncoderName = "trained"
    equilibrate: float = 20.0
    n_walkers: int = 1
    hills: Path | None = None
    outside: bool = False

    def __post_init__(self) -> None:
        if self.n_walkers < 1:
            raise NanochartError(f"walkers = {self.n_walkers}: give at least 1")
        if not 0 < self.equilibrate < 1e6:
            raise NanochartError(f"equilibrate: {self.equilibrate:g} ps: give some ps, such as 20")


@dataclass(frozen=True)
class Begun:
    """A walker before its next block."""

    number: int
    output: Path
    identity: dict[str, Any]
    record: Record
    run: BiasedRun

    @property
    def walker(self) -> Walker:
        """Its state."""
        return Walker(self.record.state, tuple(self.record.more.get("works", ())))


@dataclass(frozen=True)
class Subject:
    """What is biased, and how: everything that is decided before the first step."""

    chart: Chart
    chart_hash: str
    starts: tuple[Start, ...]
    settings: MdSettings
    bias: BiasFile
    options: BiasOptions
    time: float
    variables: ChartVariables
    first_hills: Hills

    @classmethod
    def of(
        cls,
        chart_path: str,
        start: str,
        settings: MdSettings,
        bias: BiasFile,
        options: BiasOptions,
        *,
        n_frames: int,
        frame: int,
        potential: str | None,
    ) -> Subject:
        """Return what is asked for, or refuse what does not fit together."""
        if Path(chart_path).is_dir():
            chart_path = str(Path(chart_path) / "chart.safetensors")
        chart = load_chart(chart_path)
        found = tuple(
            find_start(
                one,
                species=chart.species,
                n_atoms=chart.n_atoms,
                frame=frame,
                potential=potential,
            )
            for one in _starts_of(start)
        )
        if len(found) > options.n_walkers:
            raise NanochartError(
                f"{start}: {len(found)} starts for {options.n_walkers} walkers; give --walkers "
                f"{len(found)} or more"
            )
        variables = ChartVariables(chart.gradient(encoder=options.encoder), line_of(bias, chart))
        subject = cls(
            chart,
            _hash_of(chart_path),
            found,
            settings,
            bias,
            options,
            n_frames * settings.interval,
            variables,
            Hills.none(1),
        )
        # With any start: what does not fit the chart is told at once.
        plan = subject.run(0, dict.fromkeys(variables.names, -1.0), subject.time).plan
        steps = settings.block * settings.steps_per_frame
        metad = plan.metadynamics
        BiasForce(variables, plan, metad.empty_grid() if metad else None)
        for name, every in (("log", plan.log_every), ("pace", metad.pace if metad else 1)):
            if steps % every:
                raise NanochartError(
                    f"{name}: every {every} steps does not divide a block of {steps} steps; "
                    "change it, --interval or --block"
                )
        if settings.steps_per_frame % plan.stride:
            raise NanochartError(
                f"every: a bias every {plan.stride} steps does not divide the "
                f"{settings.steps_per_frame} steps between frames"
            )
        if options.hills is not None:
            if metad is None:
                raise NanochartError("--hills: only metadynamics goes on from hills; give --metad")
            told = comments_of(options.hills)
            if told and subject.comment not in told:
                raise NanochartError(
                    f"{options.hills}: its hills are of another chart or temperature ({told[0]}; "
                    f"this run: {subject.comment}); they mean nothing here"
                )
            return replace(subject, first_hills=read_hills(options.hills, metad))
        return replace(subject, first_hills=Hills.none(len(metad.sigma) if metad else 1))

    @property
    def comment(self) -> str:
        """What a HILLS file says of where its hills belong."""
        kelvin = self.settings.temperature
        return f"nanochart: chart {self.chart_hash[:16]}, {kelvin:g} K; ps, eV, Angstrom"

    @property
    def n_cvs(self) -> int:
        """Dimensions of the chart."""
        return int(self.chart.model.n_cvs)

    @property
    def potential(self) -> Potential:
        """Of all starts, which are of one element."""
        return self.starts[0].potential

    def start_of(self, number: int) -> Start:
        """Return where a walker begins: they take the starts in turn."""
        return self.starts[number % len(self.starts)]

    def families_of(self, cvs: Array) -> NDArray[np.float64]:
        """Return the family nearest to CVs (n, n_cvs), -1 where the chart has none."""
        if self.chart.families is None:
            return np.full(len(cvs), -1.0)
        return np.asarray(self.chart.families.nearest(cvs), dtype=np.float64)

    def run(self, number: int, begin: Mapping[str, float], time: float) -> BiasedRun:
        """Return what a walker's blocks share."""
        settings = replace(self.settings, seed=self.settings.seed + number)
        plan = plan_of(
            self.bias,
            self.chart,
            self.potential,
            temperature=settings.temperature,
            timestep=settings.timestep,
            time=time,
            begin=begin,
        )
        reach = _REACH * sphere_radius(self.potential, self.chart.n_atoms)
        return BiasedRun(settings, self.potential, self.variables, plan, reach)

    def begin(self, output: Path, number: int, *, overwrite: bool) -> Begun:
        """Return a walker at the end of what is on the disk, or at the beginning."""
        identity = self._identity(number)
        record = None if overwrite else read_record(output, identity, tables=TABLES)
        if record is None:
            record = self._fresh(number, identity)
        return self._begun(number, output, identity, record)

    def reread(self, begun: Begun) -> Begun:
        """Return a walker as it is on the disk by now."""
        record = read_record(begun.output, begun.identity, tables=TABLES) or begun.record
        return self._begun(begun.number, begun.output, begun.identity, record)

    def _begun(self, number: int, output: Path, identity: dict[str, Any], record: Record) -> Begun:
        run = self.run(number, record.more["begin"], record.more["time"])
        return Begun(number, output, identity, record, run)

    def _identity(self, number: int) -> dict[str, Any]:
        """Return all that a walker's bits depend on, but for versions and machine."""
        hills = self.options.hills
        found = {
            "start": self.start_of(number).name,
            "species": self.potential.species,
            "n_atoms": self.chart.n_atoms,
            "potential": self.potential.name,
            "chart": self.chart_hash,
            "encoder": self.options.encoder,
            "equilibrate": self.options.equilibrate,
            "walkers": self.options.n_walkers,
            "walker": number,
            "hills": None if hills is None else _hash_of(str(hills)),
            **asdict(replace(self.settings, seed=self.settings.seed + number)),
            **{f"bias.{k}": v for k, v in _flat(self.bias.model_dump())},
        }
        as_read: dict[str, Any] = json.loads(json.dumps(found))
        return as_read

    def _fresh(self, number: int, identity: dict[str, Any]) -> Record:
        """Return the record of a walker that has not begun: heated up, inside the domain."""
        settings = replace(self.settings, seed=self.settings.seed + number)
        state, inside = self._heated(self.start_of(number), settings)
        if inside < _INSIDE and not self.options.outside:
            advice = (
                "it knows minima only: take a thermal chart (nanochart thermal, or au147-thermal)"
                if self.chart.mode == QUENCHED
                else "start nearer to what it was trained on"
            )
            raise NanochartError(
                f"the start lies outside the chart's domain: of {self.options.equilibrate:g} ps at "
                f"{settings.temperature:g} K {inside:.0%} of the frames are inside; {advice}, or "
                "begin with --outside"
            )
        values, _ = self.variables.at(state.positions)
        begin = dict(zip(self.variables.names, values.tolist(), strict=True))
        more = {"begin": begin, "time": self.time}
        plan = asdict(self.run(number, begin, self.time).plan)
        return Record(identity, 0, replace(state, block=0), more={**more, "plan": plan})

    def _heated(self, start: Start, settings: MdSettings) -> tuple[MdState, float]:
        """Return the state after the equilibration, and the share of its frames in the domain."""
        positions = start_positions(start, settings.timestep)
        every = max(1, round(self.options.equilibrate * 1e3 / settings.timestep / 20))
        (seed,) = np.random.SeedSequence([settings.seed, _EQUILIBRATION]).generate_state(1)
        heating = replace(settings, steps_per_frame=every, block=20, seed=int(seed))
        first = initial_state(positions, heating, self.potential)
        ((state, frames),) = md(first, heating, self.potential, n_frames=20)
        return state, float(self.chart.is_inside(frames.positions[10:]).mean())


def _starts_of(start: str) -> list[str]:
    """Return what is separated by commas; a file whose name has one is a single start."""
    return [start] if Path(start).exists() else [one.strip() for one in start.split(",")]


def _hash_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, or of a chart that ships, by its name."""
    file = Path(path) if Path(path).exists() else shipped_charts().get(str(path), Path(path))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _flat(values: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return nested settings as pairs of dotted names and plain values."""
    if isinstance(values, dict):
        items = [(str(key), value) for key, value in values.items()]
    elif isinstance(values, list) and any(isinstance(one, dict) for one in values):
        items = [(str(i), value) for i, value in enumerate(values)]
    else:
        return [(name, values)]
    return [pair for key, value in items for pair in _flat(value, f"{name}.{key}".lstrip("."))]
