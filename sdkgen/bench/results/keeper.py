"""Measured sessions outlive a store that is locked, restarted or full: they are tried again, and kept in a file.

A session that cannot be stored goes to the file at once, so that a kill loses nothing; when the store takes it after
all, the file goes. ``sdkgen report --import FILE`` stores what was left in one.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdkgen import console
from sdkgen.bench.devices import state
from sdkgen.bench.results.database import StoreError
from sdkgen.bench.results.store import Store
from sdkgen.errors import UsageError

PATIENCE_SECONDS = 30.0
"""How long the end of a run waits for its store."""
_PAUSE_SECONDS = 2.0


class Keeper:
    """Stores the sessions of a run; several threads may. Call ``close`` at the end of the run, whatever happened."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._pending: list[dict[str, Any]] = []
        self._file: Path | None = None
        self._writing = threading.Lock()

    def add(self, session: Mapping[str, Any]) -> None:
        """Store a session that ``Store.pack_session`` made, or keep it; never raises ``StoreError``."""
        with self._writing:
            self._pending.append(dict(session))
            error = self._flush()
            if error is not None:
                self._spill(self._pending[-1])
                console.warn(f"{error.message}: {len(self._pending)} sessions are kept in {self._file or 'memory'}")

    def close(self) -> None:
        """Store what is left and the end of the run; raises ``StoreError``, which names the file, if that cannot be."""
        self.store_pending()
        self._store.end_run(self._run_id)

    def store_pending(self) -> None:
        """Store what is left; raises as ``close`` does."""
        deadline = time.monotonic() + (PATIENCE_SECONDS if self._pending else 0)
        with self._writing:
            while (error := self._flush()) is not None and time.monotonic() < deadline:
                time.sleep(_PAUSE_SECONDS)
            if error is None:
                return
            count = len(self._pending)
            if self._file is None:
                raise StoreError(f"{count} sessions could not be stored, nor written to a file", context=error.context,
                                 hint="Free some space, and measure again.") from error  # fmt: skip
            raise StoreError(
                f"{count} sessions could not be stored: {error.message}",
                context=error.context,
                hint=f"They are in a file. Store them later: sdkgen report --import {self._file}",
                reference=error.reference,
            ) from error

    def _flush(self) -> StoreError | None:
        while self._pending:
            try:
                self._store.insert_session(self._pending[0])
            except StoreError as error:
                return error
            self._pending.pop(0)
        if self._file is not None:
            self._file.unlink(missing_ok=True)
            self._file = None
        return None

    def _spill(self, session: Mapping[str, Any]) -> None:
        """Append a session to the file; the state folder's, or where that is full, one for temporary files."""
        for folder in (state.root(), Path(tempfile.gettempdir())):
            file = self._file or folder / f"unstored-{self._run_id}.jsonl"
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                lines = [session] if file.exists() else [self._store.run_rows[self._run_id], session]
                with file.open("a", encoding="utf-8") as out:
                    out.write("".join(json.dumps(line) + "\n" for line in lines))
                    out.flush()
                    os.fsync(out.fileno())
            except OSError:
                continue
            self._file = file
            return


def import_file(store: Store, path: Path) -> int:
    """Store what a file of unstored sessions holds, but for what is there already, and return how many were new.

    Raises ``UsageError`` if the file is none, ``StoreError`` if the store does not take it.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        run, *sessions = [dict(line) for line in lines]
        run = {name: run[name] for name in ("id", "started", "host", "settings", "versions")}
        store.insert_run(run)
        return sum(store.insert_session(session) is not None for session in sessions)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "this is no file of unstored sessions",
            context=str(path),
            hint="sdkgen bench names the file when a store fails.",
            reference="bad-import",
        ) from error
