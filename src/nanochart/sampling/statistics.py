"""What a PTMD run is worth: populations with errors, melting, round trips, a better ladder.

Snapshots of one cycle belong together, and neighbouring cycles are alike: errors are those of a
block bootstrap that draws whole blocks of cycles with every temperature in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.sampling.reweighting import EnergyBins, Reweighting, energy_bins, reweighting

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Blocks of cycles, and bootstrap samples of them.
N_BLOCKS = 20
N_SAMPLES = 100
#: Share of the samples that must be left for an error.
_ENOUGH = 0.9
#: Swaps accepted below this share hardly connect two temperatures.
POOR_ACCEPTANCE = 0.05


@dataclass(frozen=True, eq=False)
class Curve:
    """A quantity against temperature: ``temperatures`` (n,) K, ``values`` and ``errors`` (n, …).

    An error is one standard deviation of the block bootstrap; NaN with fewer than two blocks.
    """

    temperatures: Floats
    values: Floats
    errors: Floats


@dataclass(frozen=True, eq=False)
class Thermodynamics:
    """What MBAR makes of a run.

    ``heat_capacity`` in k_B an atom; ``mean_energy`` in eV; ``melting_temperature`` and its error,
    K: where the heat capacity is highest (NaN where it is highest at an end of the ladder);
    ``populations`` of every kind of groups, values (n, n_groups). ``n_samples`` bootstrap samples
    the errors are of: a sample may lose the link between two temperatures, or its peak. Where
    fewer than nine in ten of those asked for are left, errors would be too small, and are NaN.
    """

    heat_capacity: Curve
    mean_energy: Curve
    melting_temperature: float
    melting_error: float
    populations: dict[str, Curve]
    solved: Reweighting
    n_samples: int


def blocks_of(n_cycles: int, n_blocks: int = N_BLOCKS) -> list[Integers]:
    """Return the cycles of each block, of equal length but for one, in order."""
    return [
        np.asarray(part) for part in np.array_split(np.arange(n_cycles), min(n_blocks, n_cycles))
    ]


def bootstrap_repeats(
    n_cycles: int, *, n_samples: int = N_SAMPLES, n_blocks: int = N_BLOCKS, seed: int = 0
) -> Integers:
    """Return how often each cycle counts in each bootstrap sample, (n_samples, n_cycles)."""
    blocks = blocks_of(n_cycles, n_blocks)
    drawn = np.random.default_rng(seed).integers(0, len(blocks), (n_samples, len(blocks)))
    repeats = np.zeros((n_samples, n_cycles), dtype=np.int64)
    for j, block in enumerate(blocks):
        repeats[:, block] = (drawn == j).sum(axis=1)[:, None]
    return repeats


def populations(groups: Integers, temperatures: Floats, n_groups: int) -> Curve:
    """Return the share of each group at each sampled temperature, with errors.

    Parameters
    ----------
    groups : ndarray of int, shape (n_cycles, n_temperatures)
        Class or family of every snapshot; negative ones are left out.
    temperatures : ndarray, shape (n_temperatures,), K
    n_groups
        How many there are.
    """
    members = groups[..., None] == np.arange(n_groups)  # (n_cycles, n_temperatures, n_groups)

    def shares(repeats: Integers) -> Floats:
        counts = np.einsum("c,ctg->tg", repeats.astype(np.float64), members.astype(np.float64))
        found: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
        return found

    repeats = bootstrap_repeats(len(groups))
    values = shares(np.ones(len(groups), dtype=np.int64))
    errors = (
        _spread([shares(one) for one in repeats])
        if len(groups) > 1
        else np.full_like(values, np.nan)
    )
    return Curve(temperatures, values, errors)


def halves_differ(groups: Integers, n_groups: int) -> Floats:
    """Return |first half − second half| of every share, (n_temperatures, n_groups)."""
    half = (len(groups) + 1) // 2
    parts = []
    for part in (groups[:half], groups[half:]):
        counts = (part[..., None] == np.arange(n_groups)).sum(axis=0).astype(np.float64)
        parts.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))
    difference: Floats = np.abs(parts[0] - parts[1])
    return difference


def thermodynamics(
    energies: Floats,
    ladder: Floats,
    n_atoms: int,
    *,
    temperatures: Floats | None = None,
    groups: Mapping[str, tuple[Integers, int]] | None = None,
    n_samples: int = N_SAMPLES,
) -> Thermodynamics:
    """Return heat capacity, melting temperature and populations at any temperature, by MBAR.

    Parameters
    ----------
    energies : ndarray, shape (n_cycles, n_temperatures), eV
        Potential energies of the snapshots.
    ladder : ndarray, shape (n_temperatures,), K
    n_atoms
        Of the cluster.
    temperatures : ndarray, shape (n,), K
        Where results are wanted; by default 100 along the ladder.
    groups
        By kind, the group of every snapshot and how many there are: as of :func:`populations`.
    n_samples
        Bootstrap samples.

    Raises
    ------
    NanochartError
        No energies, or temperatures that nothing connects.
    """
    wanted = np.linspace(ladder[0], ladder[-1], 100) if temperatures is None else temperatures
    if wanted.min() < 0.98 * ladder[0] or wanted.max() > 1.02 * ladder[-1]:
        raise NanochartError(
            f"temperatures from {wanted.min():g} to {wanted.max():g} K: the ladder covers "
            f"{ladder[0]:g} to {ladder[-1]:g} K, and knows nothing beyond"
        )
    bins = energy_bins(energies, ladder)
    repeats = bootstrap_repeats(len(energies), n_samples=n_samples)
    whole = np.ones(len(energies), dtype=np.int64)
    first = reweighting(bins)
    known = dict(groups or {})
    found = _quantities(bins, whole, first, wanted, n_atoms, known)
    samples = []
    for one in repeats:
        try:
            solved = reweighting(bins, bins.counts(one), start=first.free_energies)
        except NanochartError:
            continue  # counted below
        samples.append(_quantities(bins, one, solved, wanted, n_atoms, known))
    enough = len(energies) > 1 and len(samples) >= max(2, _ENOUGH * n_samples)
    curves = [
        Curve(
            wanted,
            values,
            _spread([sample[i] for sample in samples]) if enough else np.full_like(values, np.nan),
        )
        for i, values in enumerate(found)
    ]
    peaks = np.array([_peak(wanted, sample[0]) for sample in samples])
    peaks = peaks[np.isfinite(peaks)]
    return Thermodynamics(
        heat_capacity=curves[0],
        mean_energy=curves[1],
        melting_temperature=_peak(wanted, found[0]),
        melting_error=(
            float(peaks.std(ddof=1)) if len(peaks) >= max(2, _ENOUGH * n_samples) else float("nan")
        ),
        populations=dict(zip(known, curves[2:], strict=True)),
        solved=first,
        n_samples=len(samples),
    )


def _quantities(
    bins: EnergyBins,
    repeats: Integers,
    solved: Reweighting,
    wanted: Floats,
    n_atoms: int,
    groups: dict[str, tuple[Integers, int]],
) -> list[Floats]:
    """Return heat capacity, mean energy and the populations of every kind at temperatures."""
    found = [
        solved.heat_capacity(wanted, n_atoms),
        np.array([solved.mean_energy(float(t)) for t in wanted]),
    ]
    for codes, n_groups in groups.values():
        shares = _shares_in_bins(bins, codes, n_groups, repeats)
        table = np.stack([solved.weights(float(t)) @ shares for t in wanted])
        found.append(table / np.maximum(table.sum(axis=1, keepdims=True), 1e-300))
    return found


def _shares_in_bins(bins: EnergyBins, groups: Integers, n_groups: int, repeats: Integers) -> Floats:
    """Return the share of each group among the snapshots of each bin, (n_bins, n_groups)."""
    weights = np.broadcast_to(repeats[:, None], groups.shape)
    known = groups >= 0
    place = bins.bins[known] * n_groups + groups[known]
    n_bins = len(bins.energies)
    table = np.bincount(place, weights[known], minlength=n_bins * n_groups).reshape(
        n_bins, n_groups
    )
    total = np.bincount(bins.bins.ravel(), weights.ravel(), minlength=n_bins)
    shares: Floats = table / np.maximum(total, 1)[:, None]
    return shares


def _peak(temperatures: Floats, values: Floats) -> float:
    """Return where a curve is highest, by a parabola through three points; NaN at an end."""
    i = int(np.argmax(values))
    if i in (0, len(values) - 1):
        return float("nan")
    a, b, _ = np.polyfit(temperatures[i - 1 : i + 2] - temperatures[i], values[i - 1 : i + 2], 2)
    return float(temperatures[i] - b / (2 * a))


def _spread(samples: list[Floats]) -> Floats:
    """Return the standard deviation of two bootstrap samples or more."""
    deviation: Floats = np.stack(samples).std(axis=0, ddof=1)
    return deviation


def inefficiency(series: Floats) -> float:
    """Return how many successive values of a series (n,) are worth one independent value.

    1 + 2 Σ of the autocorrelation up to its first negative value (Chodera et al., J. Chem. Theory
    Comput. 3, 26 (2007)); NaN for fewer than four values, and 1 for a constant.
    """
    n = len(series)
    if n < 4:
        return float("nan")
    centred = series - series.mean()
    variance = float(centred @ centred) / n
    if variance == 0:
        return 1.0
    spectrum = np.fft.rfft(centred, 2 * n)
    correlation = np.fft.irfft(spectrum * spectrum.conj())[:n] / (np.arange(n, 0, -1) * variance)
    negative = np.flatnonzero(correlation <= 0)
    last = int(negative[0]) if negative.size else n
    lags = np.arange(1, last)
    return float(max(1.0, 1.0 + 2.0 * ((1.0 - lags / n) * correlation[1:last]).sum()))


@dataclass(frozen=True)
class RoundTrips:
    """Walks from the coldest temperature to the hottest and back.

    ``n_trips`` completed by all replicas together; ``time`` mean cycles a trip takes one replica,
    infinite if there was none; ``walked`` replicas that made at least one.
    """

    n_trips: int
    time: float
    walked: int


def round_trips(walkers: Integers) -> RoundTrips:
    """Count the round trips of replicas.

    Parameters
    ----------
    walkers : ndarray of int, shape (n_cycles, n_temperatures)
        Which replica was at each temperature.
    """
    n_cycles, n_temperatures = walkers.shape
    if n_temperatures < 2:
        return RoundTrips(0, float("inf"), 0)
    per_walker: dict[int, int] = {}
    last_end: dict[int, int] = {}
    for row in walkers:
        for end, place in ((0, 0), (1, n_temperatures - 1)):
            walker = int(row[place])
            before = last_end.get(walker)
            if end == 0 and before == 1:
                per_walker[walker] = per_walker.get(walker, 0) + 1
            # A trip begins at the cold end: coming from the hot one first is no whole trip.
            if end == 0 or before is not None:
                last_end[walker] = end
    n_trips = sum(per_walker.values())
    time = n_cycles * n_temperatures / n_trips if n_trips else float("inf")
    return RoundTrips(n_trips, time, len(per_walker))


def suggested_ladder(
    solved: Reweighting, coldest: float, hottest: float, *, n_temperatures: int
) -> tuple[Floats, float]:
    """Return a ladder between two temperatures in K on which every pair accepts alike.

    Parameters
    ----------
    solved
        MBAR of a run that covers the range.
    coldest, hottest
        Ends of the ladder, K.
    n_temperatures
        Rungs, at least two.

    Returns
    -------
    ladder : ndarray, shape (n_temperatures,), K
        Fewer, if even these would accept every swap.
    acceptance
        Share of swaps accepted between neighbours.
    """
    if n_temperatures < 2 or not 0 < coldest < hottest:
        raise NanochartError("a ladder needs two temperatures or more, the first below the last")

    def climb(acceptance: float) -> list[float]:
        rungs = [coldest]
        while len(rungs) < n_temperatures:
            rungs.append(_next_rung(solved, rungs[-1], hottest, acceptance))
            if rungs[-1] >= hottest:
                break
        return rungs

    low, high = 0.0, 1.0  # lower acceptance, wider steps: reaches the top sooner
    for _ in range(25):
        middle = 0.5 * (low + high)
        rungs = climb(middle)
        if rungs[-1] >= hottest:
            low = middle
        else:
            high = middle
    ladder = np.array(climb(low))
    return ladder, solved.acceptance(float(ladder[0]), float(ladder[1]))


def _next_rung(solved: Reweighting, cold: float, hottest: float, acceptance: float) -> float:
    """Return the temperature that swaps with ``cold`` at this rate, or the hottest."""
    if solved.acceptance(cold, hottest) >= acceptance:
        return hottest
    low, high = cold, hottest
    for _ in range(22):
        middle = 0.5 * (low + high)
        if solved.acceptance(cold, middle) >= acceptance:
            low = middle
        else:
            high = middle
    return low


def poor_pairs(
    attempted: Integers, accepted: Integers, ladder: Floats, *, fewest: int = 20
) -> list[tuple[float, float, float]]:
    """Return (colder, hotter, share) of the pairs that accept fewer than 5 % of their swaps.

    Pairs that tried fewer than ``fewest`` swaps say nothing yet.
    """
    return [
        (float(ladder[i]), float(ladder[i + 1]), float(accepted[i] / attempted[i]))
        for i in range(len(attempted))
        if attempted[i] >= fewest and accepted[i] < POOR_ACCEPTANCE * attempted[i]
    ]
