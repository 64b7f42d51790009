"""The tables of ``nanochart statistics``."""

from __future__ import annotations

import math
from typing import Any

from nanochart.terminal import print_table, say


def print_statistics(result: dict[str, Any]) -> None:
    """Print the statistics of a run: tables with a row a temperature, then what holds for all."""
    title = f"{result['system']}: {result['cycles']:,} cycles, {result['ns_per_replica']:.4g} ns"
    ladder = [f"{temperature:g}" for temperature in result["temperatures"]]
    sampled, pairs = result.get("sampled"), result["exchange"]["acceptance"]
    if sampled is not None:
        rows = [
            (
                kelvin,
                f"{sampled['mean_energy'][i]:.3f}",
                _with_error(sampled["heat_capacity"][i], sampled["heat_capacity_error"][i]),
                f"{result['cycles'] / sampled['inefficiency'][i]:.0f}",
                f"{100 * pairs[i]:.0f}" if i < len(pairs) else "",
            )
            for i, kelvin in enumerate(ladder)
        ]
        header = ("K", "energy / eV", "C_v / k_B an atom", "independent", "swaps up / %")
        print_table(title, header, rows)
    classes = result["populations"].get("class", {})
    if classes:
        told = [
            (k, *(_percent(one["share"][i], one["error"][i]) for one in classes.values()))
            for i, k in enumerate(ladder)
        ]
        print_table("" if sampled else title, ("K", *(f"{name} / %" for name in classes)), told)
    print_table("", ("", ""), _summary(result))
    if "missing" in result:
        say(f"nanochart: {result['missing']}")
    for caution in result["cautions"]:
        say(f"nanochart: {caution}")
    for cold, hot, share in result["exchange"]["poor_pairs"]:
        say(f"nanochart: {cold:g} and {hot:g} K accept {100 * share:.1f} % of their swaps")


def _summary(result: dict[str, Any]) -> list[tuple[str, str]]:
    exchange = result["exchange"]
    rows = []
    if "melting_temperature" in result:
        told = _with_error(result["melting_temperature"], result["melting_error"], digits=1)
        rows.append(("highest C_v at / K", told))
    elif "reweighted" in result:
        rows.append(("highest C_v", "at an end of the ladder: no melting seen"))
    trips, time = exchange["round_trips"], exchange["round_trip_ns"]
    if trips is not None:
        told = f"{trips}, by {exchange['replicas_with_round_trips']} replicas"
        rows.append(("round trips", told if time is None else f"{told}; one in {time:.3g} ns"))
    if "species_swaps" in result:
        share = result["species_swaps"]["acceptance"]
        told = f"{100 * share[0]:.2g} % at the coldest, {100 * share[-1]:.2g} % at the hottest"
        rows.append(("species swaps accepted", told))
    differences = [
        max(one["halves_differ"]) for one in result["populations"].get("class", {}).values()
    ]
    if differences:
        rows.append(("halves differ by at most", f"{100 * max(differences):.1f} % (of a class)"))
    if "suggested_ladder" in result:
        ladder = result["suggested_ladder"]
        rungs = " ".join(f"{t:g}" for t in ladder["temperatures"])
        rows.append((f"a ladder accepting {100 * ladder['acceptance']:.0f} %", rungs))
    return rows


def _with_error(value: float, error: float, *, digits: int = 3) -> str:
    if not math.isfinite(error):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _percent(share: float, error: float) -> str:
    return f"{100 * share:.1f}" + (f"±{100 * error:.1f}" if math.isfinite(error) else "")
