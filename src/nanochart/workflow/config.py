"""The run file: what to chart and how, in TOML, checked before anything starts.

Every option is documented where it is declared, with its default; an unknown key is an error.
"""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nanochart.composition import cluster_name, is_alloy, named_cluster
from nanochart.descriptor.rdf import PAPER_GRID
from nanochart.errors import NanochartError

if TYPE_CHECKING:
    from nanochart.sampling.potentials import Potential

#: What the network's convolutions need (chart.autoencoder, which would import torch).
FEWEST_BINS = 78
#: What devices are called (chart.devices, which would import torch, too).
DEVICES = r"auto|cpu|cuda(:\d+)?"
#: Species swaps by default: of Ag-Cu one in a hundred is accepted at 600 K; ten an atom cost 0.3 %
#: of a cycle of 50,000 steps.
_SWAPS_AN_ATOM = 10
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Settings = TypeVar("Settings", bound=BaseModel)


class Section(BaseModel):
    """A table of a file of settings: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class System(Section):
    """What is charted."""

    species: str = Field(
        description="chemical symbol, or the formula of an alloy: 'Ag32Cu6' (or a list, with as "
        "many numbers in n_atoms)"
    )
    n_atoms: Annotated[int, Field(ge=4)] = Field(
        description="atoms of the cluster; a formula says it"
    )
    potential: str = Field(
        default="", description="RGL parameter set; by default the species', or [potential]"
    )

    @model_validator(mode="before")
    @classmethod
    def _with_alloys_as_formulas(cls, values: Any) -> Any:
        """Return species as one word and the number of atoms, however an alloy was written."""
        if not isinstance(values, dict) or "species" not in values:
            return values
        species, n_atoms = values["species"], values.get("n_atoms")
        try:
            if isinstance(species, list):
                species, n_atoms = _formula(species, n_atoms), None
            elif not isinstance(species, str) or not isinstance(n_atoms, int | None):
                return values
            elif n_atoms is None and species.isalpha() and not is_alloy(species):
                return values  # an element without a number: told as any missing key
            species, n_atoms = named_cluster(species, n_atoms)
        except NanochartError as error:
            raise ValueError(str(error)) from None
        return {**values, "species": species, "n_atoms": n_atoms}


def _formula(species: list[Any], n_atoms: Any) -> str:
    """Return the formula of a list of elements and one of numbers."""
    if not (isinstance(n_atoms, list) and len(n_atoms) == len(species)):
        raise NanochartError(
            f"species is a list of {len(species)}: n_atoms must be one of as many numbers"
        )
    if not all(isinstance(n, int) and n > 0 for n in n_atoms) or len(set(species)) < len(species):
        raise NanochartError("give every element once, and a positive number of its atoms")
    return "".join(f"{one}{n}" for one, n in zip(species, n_atoms, strict=True))


class PotentialSection(Section):
    """A potential of your own, in place of a built-in RGL set.

    `rgl` takes `p`, `q`, `A`, `xi`, `r0` (and `reach`); `lennard-jones` takes `epsilon` and
    `sigma`; `lammps` takes `pair_style`, `pair_coeff` and `r0`; `ase` takes `calculator` and `r0`
    (and `arguments`). A run file with `ase` runs the code it names: read it before you run it.
    """

    kind: Literal["", "rgl", "lennard-jones", "lammps", "ase"] = Field(
        default="", description="'rgl', 'lennard-jones', 'lammps' or 'ase'; empty: a built-in set"
    )
    p: Positive | None = Field(default=None, description="decay of the repulsion")
    q: Positive | None = Field(default=None, description="decay of the hopping")
    A: Positive | None = Field(default=None, description="repulsion, eV")
    xi: Positive | None = Field(default=None, description="hopping, eV")
    r0: Positive | None = Field(default=None, description="nearest-neighbour distance, Å")
    reach: tuple[Positive, Positive] | None = Field(
        default=None,
        description="where the smooth end of an RGL potential begins and ends, in r0; by default "
        "second and third neighbours, √2 and √3",
    )
    epsilon: Positive | None = Field(default=None, description="Lennard-Jones well, eV")
    sigma: Positive | None = Field(default=None, description="Lennard-Jones σ, Å")
    pair_style: str = Field(default="", description="arguments of LAMMPS' pair_style")
    pair_coeff: list[str] = Field(
        default=[],
        description="arguments of each pair_coeff; files as absolute paths, or as seen from where "
        "nanochart runs",
    )
    calculator: str = Field(
        default="",
        description="what makes an ASE calculator, as module:name, a class or a function: "
        "'ase.calculators.emt:EMT'",
    )
    arguments: dict[str, Any] = Field(default={}, description="its keyword arguments, a table")
    wall: Positive | None = Field(
        default=None,
        description="radius of a soft sphere that holds the cluster, Å; of all kinds but 'rgl'",
    )

    def of(self, species: str) -> Potential:
        """Return the potential this section describes.

        Raises
        ------
        NanochartError
            A key is missing or belongs to another kind.
        """
        from nanochart.sampling.potentials import ase_potential, lammps_potential, lennard_jones
        from nanochart.sampling.rgl import Rgl

        self._refuse_others()
        if is_alloy(species) and self.kind in ("rgl", "lennard-jones"):
            raise NanochartError(
                f"kind {self.kind!r} is for one element; {species} takes a built-in set, 'lammps' "
                "or 'ase'"
            )
        if self.kind == "ase":
            return ase_potential(
                species,
                self.calculator,
                self.arguments,
                r0=float(self.r0 or 0.0),
                wall=self.wall,
            )
        if self.kind == "rgl":
            keys = ("p", "q", "A", "xi", "r0")
            p, q, repulsion, hopping, r0 = (float(getattr(self, key)) for key in keys)
            told = " ".join(f"{key}={getattr(self, key):g}" for key in keys)
            potential = Rgl(
                f"{species} RGL {told}", species, p, q, repulsion, hopping, r0, "the run file"
            )
            return potential if self.reach is None else replace(potential, reach=self.reach)
        if self.kind == "lennard-jones":
            return lennard_jones(
                species,
                epsilon=float(self.epsilon or 0.0),
                sigma=float(self.sigma or 0.0),
                wall=self.wall,
            )
        return lammps_potential(
            species, self.pair_style, self.pair_coeff, r0=float(self.r0 or 0.0), wall=self.wall
        )

    def _refuse_others(self) -> None:
        """Raise where a key is missing, or given for another kind."""
        if not self.kind:
            raise NanochartError(f"kind is missing: one of {', '.join(_KEYS)}")
        needed, allowed = _KEYS[self.kind]
        given = {name for name in self.model_fields_set if name != "kind"}
        if missing := [name for name in needed if name not in given]:
            raise NanochartError(f"kind {self.kind!r} needs {', '.join(missing)}, too")
        if more := sorted(given - {*needed, *allowed}):
            raise NanochartError(f"kind {self.kind!r} takes no {', '.join(more)}")
        if self.reach is not None and not 1.0 < self.reach[0] < self.reach[1]:
            raise NanochartError("reach must be two increasing numbers beyond 1, in r0")


#: What each kind of potential needs, and what it takes besides.
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rgl": (("p", "q", "A", "xi", "r0"), ("reach",)),
    "lennard-jones": (("epsilon", "sigma"), ("wall",)),
    "lammps": (("pair_style", "pair_coeff", "r0"), ("wall",)),
    "ase": (("calculator", "r0"), ("arguments", "wall")),
}


class Sampling(Section):
    """Parallel-tempering MD."""

    temperatures: list[Positive] = Field(description="the ladder, K, increasing", min_length=1)
    starts: Literal["best", "motifs", "Ih", "Dh", "fcc", "twin", "hcp"] = Field(
        default="best",
        description="'best': every replica from the lowest seed, as in the literature; "
        "'motifs': the best of every motif (of an alloy with each placement of its elements) in "
        "turn, for short runs that want variety; a motif, 'Ih', 'Dh', 'fcc', 'twin' or 'hcp': "
        "every replica from its best seed",
    )
    steps_per_cycle: Annotated[int, Field(ge=2, multiple_of=2)] = Field(
        default=50_000, description="MD steps between swap attempts; a snapshot is taken halfway"
    )
    timestep: Positive = Field(default=5.0, description="fs")
    damping: Positive = Field(default=1.0, description="Langevin damping time, ps")
    burn_in: Annotated[int, Field(ge=0)] = Field(
        default=0, description="cycles discarded at the beginning"
    )
    cycles: Count = Field(description="cycles kept; raise it later and the run goes on")
    commit_every: Count = Field(
        default=10, description="cycles written at a time: what a crash can cost"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="of everything random")
    species_swaps: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="of an alloy: attempts of every replica in every cycle to exchange two unlike "
        "atoms; by default ten an atom: few are accepted",
    )

    @field_validator("temperatures")
    @classmethod
    def _increasing(cls, ladder: list[float]) -> list[float]:
        for low, high in itertools.pairwise(ladder):
            if high <= low:
                raise ValueError(f"the ladder must increase, but {low:g} is followed by {high:g}")
        return ladder

    @model_validator(mode="after")
    def _whole_commits(self) -> Sampling:
        # Rows are written in whole chunks, also when more cycles are asked for later.
        if self.cycles % self.commit_every:
            raise ValueError(
                f"cycles ({self.cycles}) must be a multiple of commit_every ({self.commit_every})"
            )
        return self


class Quench(Section):
    """Local minimisation."""

    force_tolerance: Positive | None = Field(
        default=None,
        description="largest force component, eV/Å; by default 1e-5 by L-BFGS, 1e-3 by LAMMPS",
    )
    max_steps: Count = Field(default=5000, description="iterations before a quench has failed")
    minimiser: Literal["auto", "lammps"] = Field(
        default="auto",
        description="`auto`: L-BFGS for RGL sets, LAMMPS' conjugate gradient for other potentials; "
        "`lammps`: that for all",
    )
    kick: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.0,
        description="Å, at most along an axis: each minimum is displaced at random and quenched "
        "again, and the lower one kept; leaves saddles; 0: none",
    )


class Structure(Section):
    """Classes and duplicates."""

    cutoff: Positive | None = Field(
        default=None, description="CNA neighbour cut-off, Å; by default between the shells"
    )
    energy_tolerance: Positive = Field(
        default=1e-4, description="structures of a class nearer in energy are one, eV"
    )


class Descriptor(Section):
    """The radial distribution function."""

    bandwidth: Positive = Field(default=0.2, description="of the Gaussian kernel, Å")
    window: tuple[int, int] | None = Field(
        default=None,
        description="first bin and the one after the last, of 500 on 0 to 25 Å; by default the "
        "paper's, or for other systems the bins that hold anything",
    )

    @field_validator("window")
    @classmethod
    def _within_the_grid(cls, window: tuple[int, int] | None) -> tuple[int, int] | None:
        if window is not None and not 0 <= window[0] < window[1] <= 500:
            raise ValueError("must be two bins of 0 to 500, the first below the second")
        if window is not None and window[1] - window[0] < FEWEST_BINS:
            raise ValueError(f"must hold at least {FEWEST_BINS} bins: the network takes no fewer")
        return window

    @field_validator("bandwidth")
    @classmethod
    def _wide_enough_for_the_grid(cls, bandwidth: float) -> float:
        if bandwidth < 2 * PAPER_GRID.step:
            raise ValueError(f"must be at least two grid steps, {2 * PAPER_GRID.step:.4f} Å")
        return bandwidth


class TrainingSection(Section):
    """The autoencoder; the defaults are the paper's protocol."""

    network: Literal["paper", "compact"] = Field(
        default="paper",
        description="'paper': its convolutions; 'compact': a multilayer perceptron, smooth, "
        "hundreds of times cheaper, with lower losses (docs/learning.md)",
    )
    n_cvs: Annotated[int, Field(ge=1, le=3)] = Field(default=3, description="chart dimensions")
    epochs: Count = Field(
        default=100,
        description="passes over the training set; raise it later and the training goes on",
    )
    batch_size: Annotated[int, Field(ge=2)] = Field(default=128, description="structures a step")
    learning_rate: Positive | None = Field(
        default=None, description="Adam's; by default 1e-3, of the compact network 2e-3"
    )
    schedule: Literal["halving", "cosine"] | None = Field(
        default=None,
        description="how the rate falls: 'halving' at the epochs of halve_at, or as a 'cosine' to "
        "zero at the last epoch; by default halving, of the compact network cosine",
    )
    halve_at: list[int] = Field(default=[30, 90], description="epochs where the rate is halved")
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.2, description="share held out"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="of split, weights, batches")


class FamiliesSection(Section):
    """Mean shift on the chart."""

    bandwidth: Positive | None = Field(
        default=None, description="of mean shift; by default from the plateau of the scan"
    )
    minimum_size: Count | None = Field(
        default=None, description="structures a family needs to be a major one"
    )


class Resources(Section):
    """The machine; changing the workers changes no result, nor redoes a stage."""

    workers: Annotated[int, Field(ge=0)] = Field(default=0, description="processes; 0: all cores")
    threads: Annotated[int, Field(ge=0)] = Field(
        default=0, description="threads of the training; 0: all cores. Other counts, other bits"
    )
    device: str = Field(
        default="auto",
        description="of the training: 'cpu', 'cuda', 'cuda:1', or 'auto', a GPU if there is one",
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(DEVICES, device):
            raise ValueError("must be 'auto', 'cpu', 'cuda' or a GPU by number, 'cuda:1'")
        return device


class RunFile(Section):
    """A whole run file."""

    system: System
    potential: PotentialSection = PotentialSection()
    sampling: Sampling
    quench: Quench = Quench()
    structure: Structure = Structure()
    descriptor: Descriptor = Descriptor()
    training: TrainingSection = TrainingSection()
    families: FamiliesSection = FamiliesSection()
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _potential_of_the_element(self) -> RunFile:
        own = bool(self.potential.model_fields_set)
        section = "potential" if own else "system"
        try:
            if own and self.system.potential:
                raise NanochartError("[system] potential names a set: give one or the other")
            found = self.make_potential()
        except NanochartError as error:
            raise ValueError(f"{section}: {error}") from None
        if found.species != self.system.species:
            raise ValueError(
                f"system: potential {found.name!r} is for {found.species}, not "
                f"{self.system.species}"
            )
        if self.sampling.species_swaps and not is_alloy(self.system.species):
            raise ValueError(
                f"sampling: species_swaps exchange unlike atoms, and {self.name} has none"
            )
        return self

    @property
    def species_swaps(self) -> int:
        """Attempts of a replica in a cycle to exchange two unlike atoms."""
        if not is_alloy(self.system.species):
            return 0
        given = self.sampling.species_swaps
        return _SWAPS_AN_ATOM * self.system.n_atoms if given is None else given

    def make_potential(self) -> Potential:
        """Return what moves the atoms."""
        from nanochart.sampling.potentials import built_in

        if self.potential.model_fields_set:
            return self.potential.of(self.system.species)
        return built_in(self.system.species, self.system.potential)

    @property
    def name(self) -> str:
        """What the system is called: Au90, Ag32Cu6."""
        return cluster_name(self.system.species, self.system.n_atoms)


def read_run_file(path: Path) -> str:
    """Return the text of a run file, or raise one line."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NanochartError(f"{path}: cannot be read ({reason})") from None


def parse_run_file(text: str, *, where: str) -> RunFile:
    """Return a run file's settings, checked; ``where`` is its name in errors.

    Raises
    ------
    NanochartError
        The text is not TOML, holds an unknown key or a value out of range; the message names
        the key.
    """
    return parse_settings(RunFile, text, where=where, page="docs/run-file.md")


def parse_settings(kind: type[Settings], text: str, *, where: str, page: str) -> Settings:
    """Return the settings of one kind in a TOML text; ``page`` says which keys there are.

    Raises
    ------
    NanochartError
        As `parse_run_file`.
    """
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NanochartError(f"{where}: is not TOML ({error})") from None
    return checked_settings(kind, values, where=where, page=page)


def checked_settings(
    kind: type[Settings], values: Mapping[str, Any], *, where: str, page: str
) -> Settings:
    """Return the settings of one kind that some values make; errors as `parse_settings`."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise NanochartError(f"{where}: {_first_problem(error, page)}") from None


def as_toml(values: Mapping[str, Mapping[str, Any]]) -> str:
    """Return sections of settings as the text of a run file."""
    lines = []
    for section, settings in values.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_toml_value(value)}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    """Return a value as TOML: JSON's numbers, strings, booleans and lists, but for two things.

    JSON's escapes beyond 16 bits are not TOML's, and TOML wants the delete character escaped.
    """
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    return text.replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    """Return a NumPy array or number as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise NanochartError(f"{value!r} cannot stand in a run file: give numbers, text or lists")


def _first_problem(error: ValidationError, page: str) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}; see {page} for those there are"
    if problem["type"] == "missing":
        return f"the key {key!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{key}: {message}{more}" if key else f"{message}{more}"
