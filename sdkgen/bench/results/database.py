"""The database behind a store: opening it, making its tables, and turning its errors into ones that say what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from sdkgen.bench.results import migrations as tables
from sdkgen.errors import MissingExtraError, SdkgenError, UsageError

LOCK_SECONDS = 15.0
"""How long to wait for another process that is writing."""

_MAKING = 0x5D4B67656E
"""The number of the lock that guards the making of tables."""


def without_password(text: str) -> str:
    """Return a text, such as a URL, with every password in it masked."""
    masked = re.sub(r"(\w://[^:/@\s]*):[^\s]*@", r"\1:***@", text)
    return re.sub(r"(?i)(password=)[^&\s'\"]+", r"\1***", masked)


class StoreError(SdkgenError):
    """The result store cannot be read or written; ``context`` is its place."""

    reference = "store-failed"


def default_url() -> str:
    """Return ``$SDKGEN_STORE`` (a path or a URL), or a file in the user's data folder."""
    if chosen := os.environ.get("SDKGEN_STORE"):
        return chosen
    from platformdirs import user_data_path

    return str(user_data_path("sdkgen", appauthor=False) / "results.sqlite")


def open_engine(where: str, *, create: bool) -> Engine:
    """Return the database at ``where``, a URL or a path to an SQLite file; its folder is made if ``create``."""
    place = without_password(where)
    try:
        url = make_url(where if "://" in where else f"sqlite:///{Path(where).absolute()}")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(
            url,
            poolclass=NullPool,
            connect_args={"timeout": LOCK_SECONDS} if url.get_backend_name() == "sqlite" else {},
        )
    except ImportError as error:
        raise MissingExtraError(f"psycopg, the driver of {url.get_backend_name()}", "postgres") from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(
            f"the store is not a database that can be opened: {without_password(str(error))}",
            context=place,
            hint="Give a path to an SQLite file, or a URL such as postgresql://USER@HOST/NAME (with "
            "pip install 'sdkgen[postgres]').",
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


def prepare(connection: Connection, place: str, *, create: bool) -> None:
    """Make the tables where there are none and ``create``, and bring older ones up to date."""
    if create and connection.dialect.name == "postgresql":
        # Of several machines that begin with an empty database at once, one makes the tables; freed at the end.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING})
    if not inspect(connection).has_table("meta"):
        if inspect(connection).get_table_names():
            raise StoreError(
                "this database holds something else", context=place, hint="Choose another place with --store."
            )
        if not create:
            # Perhaps somebody is making it at this very moment.
            raise _no_store(place)
        tables.metadata.create_all(connection)
        connection.execute(insert(tables.meta).values(key="schema", value=str(tables.VERSION)))
        return
    found = connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == "schema")).scalar_one_or_none()
    version = int(found) if found is not None and found.isdigit() else 0
    if version > tables.VERSION:
        raise StoreError(
            f"the store has schema version {version}, and this sdkgen knows {tables.VERSION}",
            context=place,
            hint="Update sdkgen, or choose another store with --store.",
            reference="store-too-new",
        )
    if version < 1:
        raise _damaged(place, "it names no schema version")
    if version < tables.VERSION:
        tables.migrate(connection, version)


@contextmanager
def guard(place: str) -> Iterator[None]:
    """Turn the database's errors into ones that say what to do."""
    try:
        yield
    except OperationalError as error:
        said = without_password(str(error.orig))
        if "locked" in said or "busy" in said:
            raise StoreError(
                f"another process has been writing to the store for {LOCK_SECONDS:g} s",
                context=place,
                hint="Wait until it is done, or choose another store with --store.",
                reference="store-locked",
            ) from error
        if "readonly" in said or "unable to open" in said:
            raise StoreError(
                f"the store cannot be written: {said}",
                context=place,
                hint="Make the file and its folder writable, or choose another place with --store.",
                reference="store-read-only",
            ) from error
        if "disk is full" in said:
            raise StoreError("the disk is full", context=place, hint="Free some space.") from error
        raise StoreError(f"the store failed: {said}", context=place, hint="Choose another --store.") from error
    except DataError as error:
        raise StoreError(
            f"the store does not take a value: {error.orig}", context=place, hint="Choose another --store."
        ) from error
    except DatabaseError as error:
        raise _damaged(place, str(error.orig)) from error


def _damaged(place: str, why: str) -> StoreError:
    return StoreError(
        f"the store is damaged: {why}",
        context=place,
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
