"""The options of ``nanochart bias`` as the settings that a file would hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nanochart.errors import NanochartError
from nanochart.workflow.bias_file import PAGE, BiasFile
from nanochart.workflow.config import checked_settings, parse_settings, read_run_file


def bias_of_options(
    config: Path | None,
    *,
    steer_to: str | None = None,
    via: list[str] | tuple[str, ...] = (),
    restrain: str | None = None,
    spring: float | None = None,
    metad: str | None = None,
    sigma: str | None = None,
    height: float | None = None,
    pace: float | None = None,
    bias_factor: float | None = None,
    line: str | None = None,
    walls: list[str] | tuple[str, ...] = (),
    every: int | None = None,
) -> BiasFile:
    """Return what a file and options ask for; a file and an option for the same thing is an error.

    Raises
    ------
    NanochartError
        The file or an option cannot be understood; the message tells which.
    """
    values: dict[str, Any] = {}
    if config is not None:
        file = parse_settings(BiasFile, read_run_file(config), where=str(config), page=PAGE)
        values = file.model_dump(exclude_unset=True)
    given: dict[str, Any] = {}
    if steer_to is not None:
        way = {"via": [_place(one, "--via") for one in via]} if via else {}
        given["steer"] = [{"to": _place(steer_to, "--steer-to"), **way, "spring": spring}]
    elif via:
        raise NanochartError("--via: belongs to --steer-to")
    if restrain is not None:
        given["restrain"] = [{"at": _place(restrain, "--restrain"), "spring": spring}]
    if spring is not None and not (steer_to or restrain):
        raise NanochartError("--spring: belongs to --steer-to or --restrain")
    if metad is not None:
        given["metad"] = _without_none(
            variables=[name.strip() for name in metad.split(",")],
            sigma=None if sigma is None else _numbers(sigma, "--sigma"),
            height=height,
            pace=pace,
            bias_factor=bias_factor,
        )
    elif any(one is not None for one in (sigma, height, pace, bias_factor)):
        raise NanochartError("--sigma, --height, --pace, --bias-factor: belong to --metad")
    if line is not None:
        ends = [_place(one, "--line") for one in line.split(",")]
        if len(ends) != 2:
            raise NanochartError(f"--line {line}: give two families, such as 13,25")
        given["line"] = {"start": ends[0], "end": ends[1]}
    if walls:
        given["wall"] = [_wall(one) for one in walls]
    if every is not None:
        given["every"] = every
    twice = [name for name in given if name in values]
    if twice:
        raise NanochartError(f"{config}: {twice[0]} is there and among the options: give it once")
    return checked_settings(BiasFile, values | given, where="bias", page=PAGE)


def _place(text: str, option: str) -> int | dict[str, float]:
    """Return a family, or values of variables: ``13`` or ``cv1=3,rg=6.5``."""
    if text.strip().isdecimal():
        return int(text)
    pairs = [part.partition("=") for part in text.split(",")]
    try:
        if not all(name.strip() and equals for name, equals, _ in pairs):
            raise ValueError
        return {name.strip(): float(value) for name, _, value in pairs}
    except ValueError:
        raise NanochartError(
            f"{option} {text}: give a family by its number, or values such as cv1=3,cv2=-1"
        ) from None


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise NanochartError(f"{option} {text}: give numbers, such as 0.8,0.8") from None


def _wall(text: str) -> dict[str, Any]:
    """Return a wall: ``rg<6.9`` or ``cv1>-5``."""
    for sign, side in (("<", "upper"), (">", "lower")):
        name, found, value = text.partition(sign)
        if found and name.strip():
            return {"variable": name.strip(), side: _numbers(value, "--wall")[0]}
    raise NanochartError(f"--wall {text}: give it as rg<6.9 or cv1>-5")


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
