"""What the explorer's server answers: from a question to bytes, without any network.

Points are packed once and kept; everything else is computed when it is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.show.explorer.content import StructureSource, columns_of, legend_of
from nanochart.show.explorer.packing import packed, packed_structures

#: Structures in one answer: some MB.
MOST_STRUCTURES = 256
#: Bytes of a dropped file.
LARGEST_UPLOAD = 8_000_000
#: The page's scripts, in the order in which they build on one another.
SCRIPTS = (
    "data.js",
    "webgl.js",
    "cloud.js",
    "hands.js",
    "viewer.js",
    "plots.js",
    "path.js",
    "card.js",
    "filters.js",
    "export.js",
    "app.js",
)
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Answer:
    """Bytes and their type."""

    body: bytes
    type: str


class UnknownQuestion(Exception):
    """There is nothing under this name."""


class BadQuestion(Exception):
    """The question makes no sense; the text says why."""


def page_file(name: str) -> Answer:
    """Return one of the page's own files, by a name of this closed list and no other."""
    if name == "index.html":
        # The points are asked for at once, before the script that reads them is there.
        early = '<link rel="preload" href="api/points" as="fetch" crossorigin="anonymous">'
        text = text_of(name).replace("<!-- head -->", early)
        text = text.replace("<!-- scripts -->", '<script src="explorer.js"></script>')
    elif name == "explorer.css":
        text = text_of(name)
    elif name == "explorer.js":
        text = script_text()
    else:
        raise UnknownQuestion(name)
    return Answer(text.encode(), f"{_TYPES[name.rsplit('.', 1)[1]]}; charset=utf-8")


def script_text() -> str:
    """Return all scripts of the page as one."""
    return "\n".join(text_of(name) for name in SCRIPTS)


def text_of(name: str) -> str:
    """Return one of the page's files as it was written."""
    file = resources.files("nanochart.show.explorer").joinpath("page", name)
    return file.read_text(encoding="utf-8")


class Answers:
    """Everything the page may ask, of one source."""

    def __init__(self, source: StructureSource) -> None:
        self._source = source
        self._packing = threading.Lock()
        # Kernels and network use the cores they have: more at once would only wait for them.
        self._working = threading.BoundedSemaphore(4)
        self._get: dict[str, Callable[[dict[str, list[str]]], Answer]] = {
            "points": self._points,
            "structures": self._structures,
            "environments": self._environments,
            "band": self._band,
            "words": self._words,
            "words-progress": self._words_progress,
            "trajectory": self._trajectory,
        }

    def get(self, name: str, query: dict[str, list[str]]) -> Answer:
        """Answer a question.

        Raises
        ------
        UnknownQuestion
            Nothing has this name.
        BadQuestion
            What is asked for does not exist, or is no number.
        NanochartError
            The landscape cannot be read (any more).
        """
        if name not in self._get:
            raise UnknownQuestion(name)
        with self._working:
            return self._get[name](query)

    def place(self, body: bytes) -> Answer:
        """Place an xyz file on the chart; it is text, or refused."""
        with self._working:
            try:
                text = body.decode("utf-8")
            except UnicodeDecodeError:
                raise NanochartError("the file is not text; drop an xyz file") from None
            return Answer(packed_structures(self._source.place(text)), BINARY)

    @cached_property
    def _packed_points(self) -> bytes:
        points = self._source.points()
        return packed(legend_of(points), columns_of(points))

    def _points(self, _: dict[str, list[str]]) -> Answer:
        with self._packing:
            return Answer(self._packed_points, BINARY)

    def _structures(self, query: dict[str, list[str]]) -> Answer:
        asked = _numbers(query, "points")
        if not 1 <= len(asked) <= MOST_STRUCTURES:
            raise BadQuestion(f"ask for 1 to {MOST_STRUCTURES} structures at a time")
        n_points = len(self._source.points())
        if (asked < 0).any() or (asked >= n_points).any():
            raise BadQuestion(f"there are points 0 to {n_points - 1}")
        return Answer(packed_structures(self._source.structures(asked)), BINARY)

    def _environments(self, _: dict[str, list[str]]) -> Answer:
        counts = dict(self._source.environment_counts())
        return Answer(packed({"names": list(counts)}, counts), BINARY)

    def _band(self, query: dict[str, list[str]]) -> Answer:
        asked = _numbers(query, "family")
        known = {one.id for one in self._source.points().families}
        if len(asked) != 1 or int(asked[0]) not in known:
            raise BadQuestion("there is no such family")
        band = self._source.rdf_band(int(asked[0]))
        return Answer(packed({"family": int(asked[0])}, {"band": band.astype(np.float32)}), BINARY)

    def _words(self, _: dict[str, list[str]]) -> Answer:
        found = self._source.words()
        header: dict[str, Any] = {
            "texts": [list(text) for text in found.texts],
            "done": found.done,
            "total": found.total,
        }
        return Answer(packed(header, {"index": found.index.astype(np.int32)}), BINARY)

    def _words_progress(self, _: dict[str, list[str]]) -> Answer:
        done, total = self._source.words_progress()
        return Answer(packed({"done": done, "total": total}, {}), BINARY)

    def _trajectory(self, _: dict[str, list[str]]) -> Answer:
        text = self._source.trajectory()
        return Answer((text or "").encode(), "text/csv; charset=utf-8")


def _numbers(query: dict[str, list[str]], name: str) -> NDArray[np.int64]:
    """Return the whole numbers of ``?name=1,2,3``."""
    text = ",".join(query.get(name, []))
    try:
        return np.array([int(one) for one in text.split(",")], dtype=np.int64)
    except (ValueError, OverflowError):
        raise BadQuestion(f"{name} must be whole numbers, with commas between them") from None
