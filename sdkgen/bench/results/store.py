"""Where results are kept: raw samples and everything needed to trace a figure back to them.

SQLite in the user's data folder, ``$SDKGEN_STORE``, or any database that SQLAlchemy knows. Every session is one
transaction, so that a kill at any moment loses no session that had been written, and leaves none half written.
"""

from __future__ import annotations

import base64
import gc
import os
import platform
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from sdkgen.artifact import tool_versions
from sdkgen.bench.devices.health import Health
from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.plan import Settings
from sdkgen.bench.results import migrations as tables
from sdkgen.bench.results.database import (
    StoreError,
    default_url,
    guard,
    open_engine,
    prepare,
    without_password,
)
from sdkgen.bench.results.packing import Provenance, make_storable, pack_session
from sdkgen.bench.results.series import Series, unpack, untimed_as_none
from sdkgen.bench.samples import Recording, Sample

_AS_STORED = (
    "id", "run_id", "number", "started", "status", "provenance", "transport", "runner", "model", "artifact_sha256",
    "backend", "threads", "precision", "paced", "error", "log", "device_seconds", "host_seconds", "reconnects",
)  # fmt: skip
"""The columns of a session that are what they are."""


@dataclass(frozen=True)
class StoredSession:
    """One session as it was stored."""

    id: int
    run_id: str
    number: int
    started: str
    status: str
    provenance: Provenance
    transport: str
    runner: str
    model: str
    artifact_sha256: str
    backend: str
    threads: int
    precision: str
    paced: float | None
    identity: Identity
    record: Recording
    """All that was recorded but the samples."""
    series: Series
    """The samples, as ``sdkgen.bench.results.series`` has them."""
    health_before: Health | None
    health_during: Health | None
    """The worst that the device said of its heat and clocks while it was measured."""
    health_after: Health | None
    error: dict[str, str] | None
    log: str
    device_seconds: float
    host_seconds: float
    reconnects: int

    @property
    def recording(self) -> Recording:
        """All that was recorded, with an object a sample: for a few sessions, not for thousands."""
        samples = [
            Sample(i=i, at_ns=at, run_ns=untimed_as_none(run), total_ns=total)
            for i, (at, run, total) in enumerate(self.series.tolist())
        ]
        return self.record.model_copy(update={"samples": tuple(samples)})


@dataclass(frozen=True)
class StoredRun:
    """One call of ``sdkgen bench``."""

    id: str
    started: str
    ended: str | None
    settings: dict[str, Any]
    versions: dict[str, str]
    host: dict[str, Any]


@dataclass(frozen=True)
class RunSummary:
    """What a run holds: stored sessions, and the models and devices that they are of, as makers name them."""

    sessions: int = 0
    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


_WHICH_SESSION = (
    "run_id",
    "device_id",
    "number",
    "started",
    "model",
    "backend",
    "artifact_sha256",
    "threads",
    "runner",
)
"""What makes two stored sessions one and the same."""


class Store:
    """A result store, opened; a method is one transaction."""

    def __init__(self, where: str | None = None, *, create: bool = True) -> None:
        """Open the store at ``where``, a URL or a path to an SQLite file; made there unless ``create`` is off.

        Raises ``StoreError`` if it is damaged, from a newer version, or cannot be read.
        """
        where = where or default_url()
        self.place = without_password(where)
        self.run_rows: dict[str, dict[str, Any]] = {}
        """The runs that were begun here, as they were stored."""
        self._last: tuple[tuple[str, ...], list[StoredSession]] | None = None
        self._engine = open_engine(where, create=create)
        self._writer = self._engine.execution_options(sdkgen_writes=True)
        with guard(self.place), (self._writer if create else self._engine).begin() as connection:
            prepare(connection, self.place, create=create)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def begin_run(self, settings: Settings) -> str:
        """Store that a bench begins, and return its id: the time, and a few letters that tell it from others."""
        now = datetime.now(UTC)
        run_id = f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        host = {"system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count()}
        row = {
            "id": run_id,
            "started": now.isoformat(timespec="seconds"),
            "host": host | {"name": platform.node()},
            "settings": settings.model_dump(mode="json"),
            "versions": tool_versions("sqlalchemy", "numpy"),
        }
        self.run_rows[run_id] = row
        self.insert_run(row)
        return run_id

    def insert_run(self, row: Mapping[str, Any]) -> None:
        """Store a run, unless it is there already."""
        self._last = None
        with guard(self.place), self._writer.begin() as connection:
            known = select(tables.runs.c.id).where(tables.runs.c.id == row["id"])
            if connection.execute(known).first() is None:
                connection.execute(insert(tables.runs).values(**make_storable(dict(row))))

    def end_run(self, run_id: str) -> None:
        """Store that a bench has ended."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with guard(self.place), self._writer.begin() as connection:
            connection.execute(tables.runs.update().where(tables.runs.c.id == run_id).values(ended=now))

    def add_session(self, run_id: str, number: int, **parts: Any) -> int:
        """Store a session with its samples, whole or not at all, and return its id; see ``pack_session``."""
        made = self.insert_session(pack_session(run_id, number, **parts))
        if made is None:
            raise StoreError("this session is stored already", context=self.place, hint="Begin a run of its own.")
        return made

    def insert_session(self, packed: Mapping[str, Any]) -> int | None:
        """Store what ``pack_session`` made, whole or not at all; return its id, or None if it is there already.

        Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else.
        """
        self._last = None
        row = dict(packed)
        identity = Identity.model_validate(row.pop("identity"))
        data = base64.b64decode(row.pop("series"), validate=True)
        unpack(data)
        columns = tables.sessions.c
        with guard(self.place), self._writer.begin() as connection:
            row["device_id"] = _device_id(connection, identity, row["provenance"])
            same = [columns[name] == row[name] for name in _WHICH_SESSION]
            if connection.execute(select(columns.id).where(*same)).first() is not None:
                return None
            session_id = _inserted(connection, tables.sessions, row)
            if data:
                connection.execute(insert(tables.series).values(session_id=session_id, data=data))
        return session_id

    def runs(self) -> list[StoredRun]:
        """Return all runs, the oldest first."""
        query = select(tables.runs).order_by(tables.runs.c.started, tables.runs.c.id)
        with guard(self.place), self._engine.connect() as connection:
            return [
                StoredRun(row.id, row.started, row.ended, row.settings, row.versions, row.host)
                for row in connection.execute(query)
            ]

    def summaries(self) -> dict[str, RunSummary]:
        """Return what each run holds, by its id; runs without sessions are left out."""
        one = tables.sessions.c
        query = select(one.run_id, one.model, one.device_id, func.count()).group_by(
            one.run_id, one.model, one.device_id
        )
        with guard(self.place), self._engine.connect() as connection:
            devices = {row.id: row.identity for row in connection.execute(select(tables.devices))}
            rows = connection.execute(query.order_by(func.min(one.id))).all()
        found: dict[str, RunSummary] = {}
        for run_id, model, device, count in rows:
            known, who = found.get(run_id, RunSummary()), devices[device]
            name = str(who.get("model") or who.get("soc") or "device")
            found[run_id] = RunSummary(
                known.sessions + count,
                tuple(dict.fromkeys((*known.models, model))),
                tuple(dict.fromkeys((*known.devices, name))),
            )
        return found

    def sessions(self, run_ids: Sequence[str]) -> list[StoredSession]:
        """Return the sessions of some runs with their samples, in the order in which they were written.

        Those that were asked for last are kept until something is written: a page follows its report.
        """
        if self._last is not None and self._last[0] == tuple(run_ids):
            return self._last[1]
        query = (
            select(tables.sessions, tables.series.c.data)
            .outerjoin(tables.series)
            .where(tables.sessions.c.run_id.in_(run_ids))
            .order_by(tables.sessions.c.id)
        )
        with guard(self.place), self._engine.connect() as connection, _uncollected():
            devices = connection.execute(select(tables.devices.c.id, tables.devices.c.identity))
            known = {row.id: Identity.model_validate(row.identity) for row in devices}
            found = [_session(row, known) for row in connection.execute(query).mappings()]
        self._last = tuple(run_ids), found
        return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the garbage collector rest: it would look through thousands of new objects again and again for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _device_id(connection: Connection, identity: Identity, provenance: str) -> int:
    """Return the row of a device as it is now: a system update makes a new row, and old results keep the old one."""
    now = identity.model_dump(mode="json")
    query = select(tables.devices).where(tables.devices.c.serial_hash == identity.serial_hash)
    for row in connection.execute(query):
        if row.identity == now:
            return int(row.id)
    values = {"serial_hash": identity.serial_hash, "provenance": provenance, "identity": now}
    return _inserted(connection, tables.devices, values)


def _inserted(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert a row and return its id."""
    key = connection.execute(insert(table).values(**values)).inserted_primary_key
    if key is None:
        raise RuntimeError("the database gave no key for a new row")
    return int(key[0])


def _session(row: Any, known: Mapping[int, Identity]) -> StoredSession:
    """Return a row as a session; ``known`` are the devices by their rows."""
    return StoredSession(
        **{name: row[name] for name in _AS_STORED},
        identity=known[row["device_id"]],
        record=Recording.model_validate(row["record"]),
        series=unpack(row["data"] or b""),
        health_before=row["health_before"] and Health.model_validate(row["health_before"]),
        health_during=row["health_during"] and Health.model_validate(row["health_during"]),
        health_after=row["health_after"] and Health.model_validate(row["health_after"]),
    )
