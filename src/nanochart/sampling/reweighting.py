"""What the snapshots of every temperature of a ladder say of any temperature between: MBAR.

Only the potential energy U tells the ensembles of a ladder apart, so snapshots of equal energy are
one: they are gathered in bins much narrower than k_B T, and resampling for errors is but other
counts in the bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.sampling.mbar import solve_mbar
from nanochart.units import BOLTZMANN

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Width of a bin in k_B T of the coldest replica: weights then err by (1/10)²/24 = 4e-4.
_BIN_IN_KT = 1 / 10


@dataclass(frozen=True, eq=False)
class EnergyBins:
    """Snapshots gathered by their energy.

    ``energies`` (n_bins,) eV, the mean of each bin; ``bins`` (n_cycles, n_temperatures) which bin
    each snapshot is in; ``temperatures`` (n_temperatures,) K.
    """

    energies: Floats
    bins: Integers
    temperatures: Floats

    @property
    def beta(self) -> Floats:
        """1/(k_B T) of the ladder, (n_temperatures,) eV⁻¹."""
        return 1.0 / (BOLTZMANN * self.temperatures)

    def counts(self, repeats: Integers | None = None) -> Floats:
        """Return the snapshots in each bin, (n_temperatures, n_bins).

        Parameters
        ----------
        repeats : ndarray of int, shape (n_cycles,)
            How often each cycle counts: once, if not given.
        """
        n_cycles, n_temperatures = self.bins.shape
        weights = np.ones(n_cycles) if repeats is None else repeats.astype(np.float64)
        table = np.zeros((n_temperatures, len(self.energies)))
        for k in range(n_temperatures):
            table[k] = np.bincount(self.bins[:, k], weights, minlength=len(self.energies))
        return table


def energy_bins(energies: Floats, temperatures: Floats) -> EnergyBins:
    """Gather potential energies (n_cycles, n_temperatures) in eV of a ladder in narrow bins.

    Raises
    ------
    NanochartError
        An energy is not finite, or there are none.
    """
    if energies.size == 0 or not np.isfinite(energies).all():
        raise NanochartError("statistics need the energies of the snapshots, all of them finite")
    width = _BIN_IN_KT * BOLTZMANN * float(np.min(temperatures))
    lowest = float(energies.min())
    raw = np.floor((energies - lowest) / width).astype(np.int64)
    filled, bins = np.unique(raw, return_inverse=True)
    bins = bins.reshape(energies.shape)
    sums = np.bincount(bins.ravel(), energies.ravel(), minlength=len(filled))
    numbers = np.bincount(bins.ravel(), minlength=len(filled))
    return EnergyBins(sums / numbers, bins, np.asarray(temperatures, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Reweighting:
    """A solved MBAR; ask it for any temperature.

    ``energies`` (n_bins,) eV; ``log_density`` (n_bins,) logarithm of the weight of a whole bin at
    β = 0, up to a constant: the logarithm of the density of states; ``free_energies``
    (n_temperatures,) f_k.
    """

    energies: Floats
    log_density: Floats
    free_energies: Floats

    def weights(self, temperature: float) -> Floats:
        """Return the probability of each bin at a temperature in K, (n_bins,)."""
        log = self.log_density - self.energies / (BOLTZMANN * temperature)
        weights: Floats = np.exp(log - log.max())
        weights /= weights.sum()
        return weights

    def mean_energy(self, temperature: float) -> float:
        """Return the mean potential energy at a temperature in K, eV."""
        return float(self.weights(temperature) @ self.energies)

    def heat_capacity(self, temperatures: Floats, n_atoms: int) -> Floats:
        """Return C_v in k_B an atom, with the kinetic 3/2, at temperatures (n,) in K."""
        found = np.empty(len(temperatures))
        for i, temperature in enumerate(temperatures):
            weights = self.weights(float(temperature))
            spread = self.energies - weights @ self.energies
            variance = weights @ spread**2
            found[i] = variance / (n_atoms * (BOLTZMANN * temperature) ** 2) + 1.5
        return found

    def acceptance(self, colder: float, hotter: float) -> float:
        """Return the share of swaps accepted between two temperatures in K in equilibrium.

        The mean of min(1, exp[(β_c − β_h)(U_c − U_h)]) over independent draws of both.
        """
        difference = (1.0 / colder - 1.0 / hotter) / BOLTZMANN
        cold, hot = self.weights(colder), self.weights(hotter)
        # Energies ascend: where the hot one is lower the swap is certain. Elsewhere the factor
        # splits, e^{ΔβU_c}·e^{−ΔβU_h}, and a cumulative sum from the top does it.
        certain = float(cold @ np.cumsum(hot))
        with np.errstate(divide="ignore"):
            terms = np.log(hot) - difference * self.energies
        tail = np.logaddexp.accumulate(terms[::-1])[::-1]
        above = np.exp(difference * self.energies[:-1] + tail[1:])
        return min(1.0, certain + float(cold[:-1] @ above))


def reweighting(
    bins: EnergyBins, counts: Floats | None = None, *, start: Floats | None = None
) -> Reweighting:
    """Solve MBAR's equations.

    Parameters
    ----------
    bins
        The snapshots.
    counts : ndarray, shape (n_temperatures, n_bins)
        Of a resampled run; by default those of the bins.
    start : ndarray, shape (n_temperatures,)
        Free energies to begin with.

    Raises
    ------
    NanochartError
        Neighbouring temperatures do not overlap, so nothing connects them.
    """
    counts = bins.counts() if counts is None else counts
    _refuse_gaps(counts, bins.temperatures)
    per_temperature, per_bin = counts.sum(axis=1), counts.sum(axis=0)
    used = per_bin > 0
    energies, per_bin = bins.energies[used], per_bin[used]
    shifted = energies - energies.min()
    guess = _first_guess(counts[:, used], shifted, bins.beta) if start is None else start
    free, log_mixture = solve_mbar(
        bins.beta[:, None] * shifted, per_temperature, per_bin, start=guess
    )
    log_density = np.full(len(bins.energies), -np.inf)
    log_density[used] = np.log(per_bin) - log_mixture
    return Reweighting(bins.energies, log_density, free)


def _refuse_gaps(counts: Floats, temperatures: Floats) -> None:
    """Raise where the energies of two neighbours do not even touch."""
    filled = [np.flatnonzero(row) for row in counts]
    for k in range(len(filled) - 1):
        if not len(filled[k]) or not len(filled[k + 1]) or filled[k].max() < filled[k + 1].min():
            raise NanochartError(
                f"the energies at {temperatures[k]:g} and {temperatures[k + 1]:g} K do not "
                "overlap: nothing connects them. Put temperatures between, or sample longer"
            )


def _first_guess(counts: Floats, energies: Floats, beta: Floats) -> Floats:
    """Return free energies by integrating the mean energy over β, trapezoid by trapezoid."""
    means = counts @ energies / counts.sum(axis=1)
    steps = 0.5 * (means[1:] + means[:-1]) * np.diff(beta)
    return np.concatenate([[0.0], np.cumsum(steps)])
