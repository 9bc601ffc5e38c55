"""Where results are kept: raw samples and everything needed to trace a figure back to them.

SQLite in the user's data folder, ``$SDKGEN_STORE``, or any database that SQLAlchemy knows. Every session is one
transaction, so that a kill at any moment loses no session that had been written, and leaves none half written.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from sdkgen.artifact import tool_versions
from sdkgen.bench.devices.health import Health
from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.results import migrations as tables
from sdkgen.bench.samples import Recording
from sdkgen.bench.sessions.session import Outcome
from sdkgen.errors import SdkgenError, UsageError

Provenance: TypeAlias = Literal["measured", "emulated", "published"]
"""Where a figure comes from: a device, an emulated device, or a publication."""

LOCK_SECONDS = 15.0
"""How long to wait for another process that is writing."""


class StoreError(SdkgenError):
    """The result store cannot be read or written; ``context`` is its place."""

    reference = "store-failed"


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
    recording: Recording
    health_before: Health | None
    health_after: Health | None
    error: dict[str, str] | None
    log: str
    device_seconds: float
    host_seconds: float
    reconnects: int


@dataclass(frozen=True)
class StoredRun:
    """One call of ``sdkgen bench``."""

    id: str
    started: str
    ended: str | None
    settings: dict[str, Any]
    versions: dict[str, str]


def default_url() -> str:
    """Return ``$SDKGEN_STORE`` (a path or a URL), or a file in the user's data folder."""
    if chosen := os.environ.get("SDKGEN_STORE"):
        return chosen
    from platformdirs import user_data_path

    return str(user_data_path("sdkgen", appauthor=False) / "results.sqlite")


class Store:
    """A result store, opened; a method is one transaction."""

    def __init__(self, where: str | None = None, *, create: bool = True) -> None:
        """Open the store at ``where``, a URL or a path to an SQLite file; made there unless ``create`` is off.

        Raises ``StoreError`` if it is damaged, from a newer version, or cannot be read.
        """
        where = where or default_url()
        self.url = where if "://" in where else f"sqlite:///{Path(where).absolute()}"
        self.place = where
        self._engine = self._open(create)
        self._writer = self._engine.execution_options(sdkgen_writes=True)
        with self._guard(), (self._writer if create else self._engine).begin() as connection:
            self._prepare(connection, create)

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
            "host": host,
            "settings": settings.model_dump(mode="json"),
            "versions": tool_versions("sqlalchemy", "numpy"),
        }
        with self._guard(), self._writer.begin() as connection:
            connection.execute(insert(tables.runs).values(**row))
        return run_id

    def end_run(self, run_id: str) -> None:
        """Store that a bench has ended."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._guard(), self._writer.begin() as connection:
            connection.execute(tables.runs.update().where(tables.runs.c.id == run_id).values(ended=now))

    def add_session(
        self,
        run_id: str,
        number: int,
        *,
        identity: Identity,
        transport: str,
        runner: str,
        cell: Cell,
        settings: Settings,
        outcome: Outcome,
        health: tuple[Health | None, Health | None] = (None, None),
        started: str = "",
        host_seconds: float = 0.0,
    ) -> int:
        """Store a session with its samples, whole or not at all, and return its id."""
        provenance: Provenance = "emulated" if identity.emulated else "measured"
        error = outcome.error
        row = {
            "run_id": run_id,
            "number": number,
            "started": started or datetime.now(UTC).isoformat(timespec="milliseconds"),
            "status": outcome.status,
            "provenance": provenance,
            "transport": transport,
            "runner": runner,
            "model": cell.model,
            "artifact_sha256": cell.sha256,
            "backend": cell.backend,
            "threads": cell.threads,
            "precision": cell.precision,
            "paced": settings.paced,
            "record": outcome.recording.model_dump(mode="json", by_alias=True, exclude={"samples"}),
            "health_before": health[0] and health[0].model_dump(mode="json"),
            "health_after": health[1] and health[1].model_dump(mode="json"),
            "error": error and {"reference": error.reference, "message": error.message, "hint": error.hint},
            "log": outcome.log,
            "device_seconds": outcome.device_seconds,
            "host_seconds": host_seconds,
            "reconnects": outcome.reconnects,
        }
        with self._guard(), self._writer.begin() as connection:
            row["device_id"] = _device_id(connection, identity, provenance)
            session_id = _inserted(connection, tables.sessions, row)
            rows = [
                {"session_id": session_id, "i": s.i, "at_ns": s.at_ns, "run_ns": s.run_ns, "total_ns": s.total_ns}
                for s in outcome.recording.samples
            ]
            if rows:
                connection.execute(insert(tables.samples), rows)
        return session_id

    def runs(self) -> list[StoredRun]:
        """Return all runs, the oldest first."""
        query = select(tables.runs).order_by(tables.runs.c.started, tables.runs.c.id)
        with self._guard(), self._engine.connect() as connection:
            return [
                StoredRun(row.id, row.started, row.ended, row.settings, row.versions)
                for row in connection.execute(query)
            ]

    def sessions(self, run_ids: Sequence[str]) -> list[StoredSession]:
        """Return the sessions of some runs with their samples, in the order in which they were written."""
        query = (
            select(tables.sessions, tables.devices.c.identity)
            .join(tables.devices)
            .where(tables.sessions.c.run_id.in_(run_ids))
            .order_by(tables.sessions.c.id)
        )
        with self._guard(), self._engine.connect() as connection:
            rows = list(connection.execute(query).mappings())
            return [_session(row, _samples(connection, row["id"])) for row in rows]

    def _open(self, create: bool) -> Engine:
        try:
            url = make_url(self.url)
            engine = create_engine(
                url,
                poolclass=NullPool,
                connect_args={"timeout": LOCK_SECONDS} if url.get_backend_name() == "sqlite" else {},
            )
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise UsageError(
                f"the store is not a database that can be opened: {error}",
                context=self.place,
                hint="Give a path to an SQLite file, or a URL such as sqlite:///results.sqlite.",
            ) from error
        if url.get_backend_name() != "sqlite":
            return engine
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        path = Path((url.database or "").removeprefix("file:"))
        if not create and not path.exists():
            raise _no_store(str(path))
        if create:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"the folder of the store cannot be made: {error.strerror}",
                    context=str(path),
                    hint="Choose another place with --store, or set SDKGEN_STORE.",
                    reference="store-read-only",
                ) from error
        return engine

    def _prepare(self, connection: Connection, create: bool) -> None:
        if not inspect(connection).has_table("meta"):
            if inspect(connection).get_table_names():
                raise StoreError(
                    "this database holds something else", context=self.place, hint="Choose another place with --store."
                )
            if not create:
                # Perhaps somebody is making it at this very moment.
                raise _no_store(self.place)
            tables.metadata.create_all(connection)
            connection.execute(insert(tables.meta).values(key="schema", value=str(tables.VERSION)))
            return
        found = connection.execute(
            select(tables.meta.c.value).where(tables.meta.c.key == "schema")
        ).scalar_one_or_none()
        version = int(found) if found is not None and found.isdigit() else 0
        if version > tables.VERSION:
            raise StoreError(
                f"the store has schema version {version}, and this sdkgen knows {tables.VERSION}",
                context=self.place,
                hint="Update sdkgen, or choose another store with --store.",
                reference="store-too-new",
            )
        if version < 1:
            raise self._damaged("it names no schema version")
        if version < tables.VERSION:
            tables.migrate(connection, version)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Turn the database's errors into ones that say what to do."""
        try:
            yield
        except OperationalError as error:
            text = str(error.orig)
            if "locked" in text or "busy" in text:
                raise StoreError(
                    f"another process has been writing to the store for {LOCK_SECONDS:g} s",
                    context=self.place,
                    hint="Wait until it is done, or choose another store with --store.",
                    reference="store-locked",
                ) from error
            if "readonly" in text or "unable to open" in text:
                raise StoreError(
                    f"the store cannot be written: {text}",
                    context=self.place,
                    hint="Make the file and its folder writable, or choose another place with --store.",
                    reference="store-read-only",
                ) from error
            if "disk is full" in text:
                raise StoreError("the disk is full", context=self.place, hint="Free some space.") from error
            raise StoreError(f"the store failed: {text}", context=self.place, hint="Choose another --store.") from error
        except DataError as error:
            raise StoreError(
                f"the store does not take a value: {error.orig}", context=self.place, hint="Choose another --store."
            ) from error
        except DatabaseError as error:
            raise self._damaged(str(error.orig)) from error

    def _damaged(self, why: str) -> StoreError:
        return StoreError(
            f"the store is damaged: {why}",
            context=self.place,
            hint="Move it away to keep it (sqlite3 FILE .recover may save its rows), and a new one is made; or choose "
            "another with --store.",
            reference="store-damaged",
        )


def _no_store(place: str) -> StoreError:
    return StoreError(
        "there is no result store",
        context=place,
        hint="Measure something first: sdkgen bench.",
        reference="no-store",
    )


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin a transaction only before the first insert: tables would be made outside of any.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction that holds everything; one that writes keeps others out from its beginning.

    SQLite lets a transaction wait for others only at its beginning: one that has read is refused at once.
    """
    writes = connection.get_execution_options().get("sdkgen_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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


def _samples(connection: Connection, session_id: int) -> list[dict[str, Any]]:
    table = tables.samples
    query = select(table.c.i, table.c.at_ns, table.c.run_ns, table.c.total_ns)
    rows = connection.execute(query.where(table.c.session_id == session_id).order_by(table.c.i))
    return [{"type": "sample", **row} for row in rows.mappings()]


def _session(row: Any, samples: list[dict[str, Any]]) -> StoredSession:
    same = ("id", "run_id", "number", "started", "status", "provenance", "transport", "runner", "model")
    same += ("artifact_sha256", "backend", "threads", "precision", "paced", "error", "log", "device_seconds")  # type: ignore[assignment]
    return StoredSession(
        **{name: row[name] for name in (*same, "host_seconds", "reconnects")},
        identity=Identity.model_validate(row["identity"]),
        recording=Recording.model_validate({**row["record"], "samples": samples}),
        health_before=row["health_before"] and Health.model_validate(row["health_before"]),
        health_after=row["health_after"] and Health.model_validate(row["health_after"]),
    )
