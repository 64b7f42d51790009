"""What swaps between temperatures did in a run, read once for the tables and for the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.landscape import Group
from nanochart.sampling.statistics import RoundTrips, poor_pairs, round_trips
from nanochart.workflow.run import Run

Integers = NDArray[np.int64]

#: Of a run whose replicas have not gone round.
NO_ROUND_TRIP = (
    "no replica has been to the hottest temperature and back: the run still knows its start, and "
    "errors do not tell; sample longer, and compare a run from another start"
)


@dataclass(frozen=True)
class Exchange:
    """Swaps of neighbours and what came of them.

    ``attempted`` and ``accepted``, (n_temperatures - 1,), are None of snapshots that were sampled
    elsewhere; ``trips`` is None, too, where no swap was attempted.
    """

    attempted: Integers | None
    accepted: Integers | None
    trips: RoundTrips | None

    @property
    def caution(self) -> str | None:
        """What is to be said of replicas that did not go round."""
        return NO_ROUND_TRIP if self.trips is not None and self.trips.n_trips == 0 else None


def exchange_of(snapshots: Group, n_temperatures: int) -> Exchange:
    """Return what swaps did in the committed snapshots of a run, cycle by cycle."""
    attempted = _counted(snapshots, "swap_attempts")
    accepted = _counted(snapshots, "swap_accepts")
    if attempted is None or not attempted.any():
        return Exchange(attempted, accepted, None)
    n_cycles = snapshots.committed // n_temperatures
    walkers = snapshots.read("walker", 0, n_cycles * n_temperatures)
    return Exchange(attempted, accepted, round_trips(walkers.reshape(n_cycles, n_temperatures)))


def _counted(snapshots: Group, name: str) -> Integers | None:
    counted = snapshots.attributes.get(name)
    return None if counted is None else np.asarray(counted, dtype=np.int64)


def exchange_warning(run: Run) -> str | None:
    """Return one line on pairs of temperatures that hardly swap, or nothing."""
    # Asked after every commit: the counts alone, not who was where in all cycles so far.
    snapshots, ladder = run.landscape["snapshots"], run.file.sampling.temperatures
    attempted = _counted(snapshots, "swap_attempts")
    accepted = _counted(snapshots, "swap_accepts")
    if attempted is None or accepted is None:
        return None
    poor = poor_pairs(attempted, accepted, np.asarray(ladder, dtype=np.float64))
    if not poor:
        return None
    cold, hot, share = min(poor, key=lambda pair: pair[2])
    more = f" (and {len(poor) - 1} pairs more)" if len(poor) > 1 else ""
    return (
        f"{cold:g} and {hot:g} K accept {100 * share:.1f} % of their swaps{more}: replicas hardly "
        f"mix; put a temperature between, {np.sqrt(cold * hot):.0f} K, or ask `nanochart "
        "statistics` for a ladder"
    )
