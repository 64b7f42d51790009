"""A run: the stages in order, each done once, resumed where it was cut off.

A stage's fingerprint is a hash of the settings its result depends on and of the fingerprints of
the stages it needs. A finished stage whose fingerprint is unchanged is skipped; a changed setting
gives new fingerprints from there on, and just those stages are done again. Stages that go through
the snapshots row by row continue from the last committed row, also when more cycles are asked for.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.landscape import Group, Landscape, create_landscape
from nanochart.parallel import workers
from nanochart.progress import Progress
from nanochart.workflow.config import RunFile
from nanochart.workflow.provenance import versions
from nanochart.workflow.resources import PeakMemory


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    Parameters
    ----------
    name
        As printed.
    does
        What it does, for the person watching.
    needs
        Names of the stages whose results it reads.
    settings
        What of the run file its result depends on, as JSON values.
    run
        Does the work, resuming what it finds half done.
    extent
        What only says how much of it there is; more of it continues what is there.
    """

    name: str
    does: str
    needs: tuple[str, ...]
    settings: Callable[[RunFile], Mapping[str, Any]]
    run: Callable[[Run, Progress], None]
    extent: Callable[[RunFile], Mapping[str, Any]] = field(default=lambda _: {})


@dataclass(frozen=True)
class StageRecord:
    """What is kept of a finished stage: fingerprint, seconds, peak memory in MB, and when."""

    fingerprint: str
    seconds: float
    peak_memory: float
    finished: str


class OutOfTime(Exception):
    """The time a run may take is nearly over, and everything done is committed."""


class Run:
    """A run folder under one run file; :func:`open_run` makes it, and locks the folder.

    Where the work is done, and how long it may take, change no result: ``scheduler`` is the address
    of a Dask scheduler or None, ``deadline`` a time of ``time.monotonic`` or None. ``tell`` takes
    what a person should hear while a stage is at work.
    """

    def __init__(self, folder: Path, file: RunFile, text: str, stages: tuple[Stage, ...]) -> None:
        self.scheduler: str | None = None
        self.deadline: float | None = None
        self.tell: Callable[[str], None] = lambda _: None
        self._last_commit = 0.0
        self.folder = folder
        self.file = file
        self.text = text
        self.stages = stages
        self.landscape: Landscape = create_landscape(
            folder / "landscape", species=file.system.species, n_atoms=file.system.n_atoms
        )

    @property
    def chart_path(self) -> Path:
        """The chart of this run."""
        return self.folder / "chart.safetensors"

    @property
    def report_path(self) -> Path:
        """The report page of this run."""
        return self.folder / "report.html"

    def stage(self, name: str) -> Stage:
        """Return a stage by name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(stage.name for stage in self.stages)
        raise NanochartError(f"unknown stage {name!r}; there are {names}")

    def fingerprint(self, name: str, *, whole: bool = True) -> str:
        """Return the hash of everything a stage's result depends on.

        Parameters
        ----------
        name
            Of the stage.
        whole
            With the extent (how many cycles); without it, runs that may continue one another
            have the same fingerprint.
        """
        stage = self.stage(name)
        content = {
            "settings": stage.settings(self.file),
            "extent": stage.extent(self.file) if whole else {},
            "needs": [self.fingerprint(need, whole=whole) for need in stage.needs],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def rows(
        self,
        stage: str,
        group: str,
        n_rows: int,
        *,
        chunk: int,
        flags: Mapping[str, Mapping[int, str]] | None = None,
    ) -> Group:
        """Return a stage's group: what is there of it, or begun anew if it was made otherwise."""
        wanted = self.fingerprint(stage, whole=False)
        if group in self.landscape:
            found = self.landscape[group]
            same = found.attributes.get("fingerprint") == wanted and found.chunk == chunk
            if same and found.committed <= n_rows:
                found.resize(n_rows)
                return found
        return self.landscape.start_group(
            group,
            n_rows,
            chunk=chunk,
            flags=flags,
            attributes={"fingerprint": wanted, "versions": versions()},
        )

    def records(self) -> dict[str, StageRecord]:
        """Return the records of the stages finished so far."""
        path = self._records_path
        if not path.exists():
            return {}
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return {name: StageRecord(**record) for name, record in values.items()}
        except (ValueError, TypeError) as error:
            raise NanochartError(
                f"{path}: is damaged ({error}); delete it, and the stages check themselves again"
            ) from None

    def is_finished(self, name: str) -> bool:
        """Return whether a stage is done, under the settings there are now."""
        record = self.records().get(name)
        return record is not None and record.fingerprint == self.fingerprint(name)

    def refuse_to_discard(self) -> None:
        """Raise if going on would throw away snapshots, the one thing that may have cost days."""
        if "snapshots" not in self.landscape:
            return
        snapshots = self.landscape["snapshots"]
        if "state" not in snapshots.attributes:
            return  # not even the burn-in has begun
        if snapshots.attributes.get("fingerprint") != self.fingerprint("sample", whole=False):
            changed = "other system or sampling settings"
        elif snapshots.chunk != self.chunk:
            changed = "another commit_every"
        elif snapshots.committed > self.n_snapshots:
            changed = "fewer cycles"
        else:
            return
        raise NanochartError(
            f"{self.folder}: holds {snapshots.committed:,} snapshots, and this run file asks for "
            f"{changed}; give another folder with --output, or --redo to discard them"
        )

    @property
    def n_snapshots(self) -> int:
        """Snapshots that the run file asks for."""
        return self.file.sampling.cycles * len(self.file.sampling.temperatures)

    @property
    def chunk(self) -> int:
        """Rows written at a time by the stages that go through the snapshots."""
        return self.file.sampling.commit_every * len(self.file.sampling.temperatures)

    def workers(self) -> AbstractContextManager[Executor]:
        """Give what does the heavy work: processes of this machine, or a Dask cluster."""
        self._last_commit = time.monotonic()
        return workers(self.file.resources.workers, scheduler=self.scheduler)

    def committed(self) -> None:
        """Say that everything so far is committed; stop here if the next commit would be too late.

        Raises
        ------
        OutOfTime
            Twice the time since the last commit, or since the workers began, is more than what is
            left.
        """
        now = time.monotonic()
        lasts = now - self._last_commit
        self._last_commit = now
        if self.deadline is not None and now + 2.0 * lasts >= self.deadline:
            raise OutOfTime

    def do(self, name: str, progress: Progress) -> StageRecord:
        """Do one stage, or what is left of it, and record it as finished.

        The records of the stages that build on it go first: they are to be done again.
        """
        spent = {name, *self._built_on(name)}
        self._write_records({k: v for k, v in self.records().items() if k not in spent})
        started = time.perf_counter()
        with PeakMemory() as memory:
            self.stage(name).run(self, progress)
        record = StageRecord(
            fingerprint=self.fingerprint(name),
            seconds=round(time.perf_counter() - started, 3),
            peak_memory=round(memory.peak, 1),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._write_records({**self.records(), name: record})
        return record

    def _built_on(self, name: str) -> set[str]:
        """Return the stages that need a stage, directly or through others."""
        found: set[str] = set()
        for stage in self.stages:  # in order, so that what a stage needs comes before it
            if {name, *found} & set(stage.needs):
                found.add(stage.name)
        return found

    def _write_records(self, records: Mapping[str, StageRecord]) -> None:
        values = {name: record.__dict__ for name, record in records.items()}
        write_text(self._records_path, json.dumps(values, indent=1) + "\n")

    @property
    def _records_path(self) -> Path:
        return self.folder / "stages.json"


@contextmanager
def open_run(
    folder: Path, file: RunFile, text: str, stages: tuple[Stage, ...], *, redo: bool = False
) -> Iterator[Run]:
    """Open a run folder for work, alone.

    Parameters
    ----------
    folder
        Made if it is not there.
    file, text
        The run file, checked, and as it was written.
    stages
        All there are, in order.
    redo
        Allow snapshots to be discarded whose settings changed.

    Raises
    ------
    NanochartError
        The folder belongs to another system, holds snapshots of other settings, is in use, or
        cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise NanochartError(f"{folder}: cannot be written to ({error.strerror})") from None
    with lock:
        try:
            # The kernel lets go of it when the process ends, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NanochartError(
                f"{folder}: another nanochart is at work in it; wait for it, or use another folder"
            ) from None
        run = Run(folder, file, text, stages)
        if not redo:
            run.refuse_to_discard()
        write_text(folder / "run.toml", text)
        yield run
