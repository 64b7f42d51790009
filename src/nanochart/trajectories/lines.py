"""The compiled loops of text trajectories: columns of numbers and words, line after line.

Decimal numbers are read through a whole number of up to 19 digits and a power of ten: exact to
the last place or the one before it, which no position needs.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

#: What is done with a column: skipped, or its word taken as eight bytes. Others are numbers.
SKIPPED, WORD = -1, -2
#: What the loops return instead of a place: the text ends before the lines do. Below it: the line
#: (−2 − line) that is not as it should be.
TOO_SHORT = -1
_NEWLINE, _SPACE = 10, 32
_MOST_DIGITS = 19
_POWERS = 10.0 ** np.arange(23)  # exact in float64


@numba.njit(nogil=True, cache=True, error_model="numpy")
def skip_lines(text: NDArray[np.uint8], at: int, n_lines: int) -> int:
    """Return the place behind so many lines, or ``TOO_SHORT``."""
    for _ in range(n_lines):
        while at < len(text) and text[at] != _NEWLINE:
            at += 1
        if at >= len(text):
            return TOO_SHORT
        at += 1
    return at


@numba.njit(nogil=True, cache=True, error_model="numpy")
def read_lines(
    text: NDArray[np.uint8],
    at: int,
    columns: NDArray[np.int64],
    values: NDArray[np.float64],
    words: NDArray[np.int64],
) -> int:
    """Read a line for each row of ``values``; return the place behind them.

    Parameters
    ----------
    text
        Bytes.
    at
        Where the first line begins.
    columns : ndarray, shape (n_columns,)
        Which column of ``values`` each column of the text goes to, or ``SKIPPED`` or ``WORD``.
    values : ndarray, shape (n_lines, n_values)
        Filled in.
    words : ndarray, shape (n_lines,)
        Filled in with the first eight bytes of each word, the first byte lowest.
    """
    n = len(text)
    for line in range(len(values)):
        for column in columns:
            while at < n and (text[at] == _SPACE or text[at] == 9):
                at += 1
            if at >= n:
                return TOO_SHORT
            if text[at] == _NEWLINE or text[at] == 13:
                return -2 - line
            if column >= 0:
                at = _number(text, at, values, line, column)
                if at in (n, TOO_SHORT):
                    return TOO_SHORT
                if at < 0:
                    return -2 - line
            else:
                code, shift = np.int64(0), np.int64(0)
                while at < n and text[at] > _SPACE:
                    if column == WORD and shift < 64:
                        code |= np.int64(text[at]) << shift
                        shift += 8
                    at += 1
                if column == WORD:
                    words[line] = code
        while at < n and text[at] != _NEWLINE:
            at += 1
        if at >= n:
            return TOO_SHORT
        at += 1
    return at


@numba.njit(nogil=True, error_model="numpy")
def _number(
    text: NDArray[np.uint8], at: int, values: NDArray[np.float64], line: int, column: int
) -> int:
    """Read a number into ``values``; return the place behind it, or −2 if it is none."""
    n, negative = len(text), False
    if text[at] == 45 or text[at] == 43:  # - +
        negative = text[at] == 45
        at += 1
    if at < n and (text[at] | 32) in (110, 105):  # nan, inf
        values[line, column] = np.nan if (text[at] | 32) == 110 else np.inf
        while at < n and text[at] > _SPACE:
            at += 1
        return at
    whole, digits, exponent = np.uint64(0), 0, 0
    seen, after_point = False, False
    while at < n:
        c = text[at]
        if 48 <= c <= 57:
            seen = True
            if digits < _MOST_DIGITS:
                whole = whole * np.uint64(10) + np.uint64(c - 48)
                digits += 1 if whole > np.uint64(0) else 0
                exponent -= 1 if after_point else 0
            elif not after_point:
                exponent += 1
        elif c == 46 and not after_point:  # .
            after_point = True
        else:
            break
        at += 1
    if not seen:
        return TOO_SHORT if at >= n else -2
    if at < n and ((text[at] | 32) == 101 or (text[at] | 32) == 100):  # e, or Fortran's d
        at += 1
        down, power = False, 0
        if at < n and (text[at] == 45 or text[at] == 43):
            down = text[at] == 45
            at += 1
        while at < n and 48 <= text[at] <= 57:
            power = min(power * 10 + int(text[at]) - 48, 1000)
            at += 1
        exponent += -power if down else power
    if at < n and text[at] > _SPACE:
        return -2
    value = np.float64(whole)
    if 0 <= exponent <= 22:
        value *= _POWERS[exponent]
    elif -22 <= exponent < 0:
        value /= _POWERS[-exponent]
    else:
        value *= 10.0**exponent
    values[line, column] = -value if negative else value
    return at
