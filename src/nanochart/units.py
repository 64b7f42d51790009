"""Constants in the package's units: eV, Å, ps, u, K."""

from __future__ import annotations

#: Boltzmann's constant, eV/K (CODATA 2018).
BOLTZMANN = 8.617333262e-5
#: eV per u Å²/ps², as in LAMMPS' metal units.
EV_PER_MASS_VELOCITY_SQUARED = 1.0364269e-4
