"""JSON and arrays in one piece, for the page: read there without parsing a number.

Four bytes (little-endian) say how long the JSON is; it follows, filled with spaces so that the
arrays begin at a multiple of eight bytes. ``columns`` in the JSON says of each array its type, its
shape and where it begins behind the JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.show.explorer.content import ExplorerStructures

_ALIGNED = 8


def packed(header: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the header and the arrays in one piece.

    Parameters
    ----------
    header
        Values that JSON can hold (no NaN).
    columns
        Arrays of int8 to int32, uint8, uint16, float32 or float64, by name.
    """
    described: dict[str, Any] = {}
    parts, offset = [], 0
    for name, values in columns.items():
        raw = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
        described[name] = {
            "dtype": values.dtype.name,
            "shape": list(values.shape),
            "offset": offset,
        }
        raw += bytes(-len(raw) % _ALIGNED)
        parts.append(raw)
        offset += len(raw)
    text = json.dumps({**header, "columns": described}, allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % _ALIGNED)
    return b"".join((struct.pack("<I", len(text)), text, *parts))


def packed_structures(found: ExplorerStructures, **header: Any) -> bytes:
    """Return some structures in one piece."""
    columns: dict[str, NDArray[Any]] = {
        "positions": found.positions.astype(np.float32),
        "environment": found.environment.astype(np.int8),
        "neighbours": found.neighbours.astype(np.int8),
        "rdf": found.rdf.astype(np.float32),
        "view": found.view.astype(np.float32),
    }
    return packed({"items": [dict(item) for item in found.items], **header}, columns)
