"""The store's tables, their version, and the steps from each version to the next.

A store made by an older version is brought up to date when it is opened; one made by a newer version is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from operator import itemgetter

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from sdkgen.bench.results.series import pack

VERSION = 3

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("started", String(40), nullable=False),
    Column("ended", String(40)),
    Column("host", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("versions", JSON, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("serial_hash", String(64), nullable=False),
    Column("provenance", String(20), nullable=False),
    Column("identity", JSON, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),
    Column("device_id", ForeignKey("devices.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("provenance", String(20), nullable=False),
    Column("transport", String(20), nullable=False),
    Column("runner", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("artifact_sha256", String(64), nullable=False),
    Column("backend", String(20), nullable=False),
    Column("threads", Integer, nullable=False),
    Column("precision", String(10), nullable=False),
    Column("paced", Float),
    Column("record", JSON, nullable=False),
    Column("health_before", JSON),
    Column("health_during", JSON),
    Column("health_after", JSON),
    Column("error", JSON),
    Column("log", Text, nullable=False, default=""),
    Column("device_seconds", Float, nullable=False),
    Column("host_seconds", Float, nullable=False),
    Column("reconnects", Integer, nullable=False, server_default=text("0")),
)

series = Table(
    "series",
    metadata,
    Column("session_id", ForeignKey("sessions.id"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""The samples of a session, packed: see ``sdkgen.bench.results.series``."""


def _count_reconnections(connection: Connection) -> None:
    """Version 2 keeps how often a session's device had gone away and come back."""
    connection.execute(text("ALTER TABLE sessions ADD COLUMN reconnects INTEGER NOT NULL DEFAULT 0"))


def _pack_samples(connection: Connection) -> None:
    """Version 3 keeps a session's samples in one value instead of a row each, names of any length, heat in between."""
    connection.execute(text("ALTER TABLE sessions ADD COLUMN health_during JSON"))
    if connection.dialect.name == "postgresql":
        for column in ("model", "runner"):
            connection.execute(text(f"ALTER TABLE sessions ALTER COLUMN {column} TYPE TEXT"))
    series.create(connection)
    query = text("SELECT session_id, at_ns, run_ns, total_ns FROM samples ORDER BY session_id, i")
    rows = connection.execution_options(yield_per=10_000).execute(query)
    for session_id, group in groupby(rows, itemgetter(0)):
        data = pack([tuple(row)[1:] for row in group])
        connection.execute(series.insert().values(session_id=session_id, data=data))
    connection.execute(text("DROP TABLE samples"))


STEPS: dict[int, Callable[[Connection], None]] = {1: _count_reconnections, 2: _pack_samples}
"""By version: the step from it to the next."""


def migrate(connection: Connection, version: int) -> None:
    """Bring tables of ``version`` to ``VERSION`` inside the caller's transaction."""
    for step in range(version, VERSION):
        STEPS[step](connection)
    connection.execute(meta.update().where(meta.c.key == "schema").values(value=str(VERSION)))
