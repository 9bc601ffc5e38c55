"""Measured sessions survive their store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sdkgen.bench.plan import Settings
from sdkgen.bench.results import database, keeper
from sdkgen.bench.results.database import StoreError
from sdkgen.bench.results.keeper import Keeper, import_file
from sdkgen.bench.results.packing import pack_session
from sdkgen.bench.results.store import Store
from sdkgen.bench.sessions.session import Outcome
from sdkgen.errors import UsageError
from tests.bench.recordings import cell, identity, recording
from tests.conftest import Run


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(keeper, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(keeper, "_PAUSE_SECONDS", 0.1)
    return Store(str(tmp_path / "results.sqlite"))


@contextmanager
def locked(store: Store) -> Iterator[None]:
    other = sqlite3.connect(store.place, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def session(run: str, number: int) -> dict[str, Any]:
    return pack_session(
        run,
        number,
        identity=identity(),
        transport="local",
        runner="litert",
        cell=cell(),
        settings=Settings(),
        outcome=Outcome("complete", recording([1.0, 2.0 + number, 3.0])),
    )


def files(folder: Path) -> list[Path]:
    return sorted((folder / "state").glob("unstored-*"))


def test_a_store_that_comes_back_gets_everything_and_the_file_goes(store: Store, tmp_path: Path) -> None:
    run = store.begin_run(Settings())
    kept = Keeper(store, run)
    kept.add(session(run, 0))
    with locked(store):
        kept.add(session(run, 1))
        kept.add(session(run, 2))
        assert len(files(tmp_path)) == 1  # at once: a kill loses nothing
    kept.close()
    assert [one.number for one in store.sessions([run])] == [0, 1, 2]
    assert store.runs()[0].ended is not None
    assert files(tmp_path) == []


def test_a_store_that_does_not_come_back_leaves_a_file_that_is_imported(
    store: Store, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = store.begin_run(Settings(runs=3))
    kept = Keeper(store, run_id)
    kept.add(session(run_id, 0))
    with locked(store):
        kept.add(session(run_id, 1))
        with pytest.raises(StoreError, match="1 sessions could not be stored") as caught:
            kept.close()
    (file,) = files(tmp_path)
    assert f"report --import {file}" in caught.value.hint
    assert "are kept in" in capsys.readouterr().err
    elsewhere = tmp_path / "other.sqlite"
    done = run("report", "--store", elsewhere, "--import", file)
    assert done.returncode == 0, done.stderr
    assert "1 sessions were new" in done.stderr
    found = Store(str(elsewhere))
    (one,) = found.sessions([run_id])
    assert [sample.total_ns for sample in one.recording.samples] == [1_000_000, 3_000_000, 3_000_000]
    assert found.runs()[0].settings["runs"] == 3
    assert import_file(found, file) == 0
    assert import_file(store, file) == 1
    assert [one.number for one in store.sessions([run_id])] == [0, 1]
    assert "did not come to an end" in run("report", "--store", elsewhere).stderr


@pytest.mark.parametrize("text", ["", "nonsense", "{}\n", '{"id": "x"}\n[1]\n', '{"id":"r"}\n{"identity":{}}\n'])
def test_a_file_of_something_else_is_refused(store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(UsageError) as caught:
        import_file(store, tmp_path / "file")
    assert caught.value.reference == "bad-import"
    with pytest.raises(UsageError):
        import_file(store, tmp_path / "none")


def test_where_no_file_can_be_written_it_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    run = store.begin_run(Settings())
    kept = Keeper(store, run)
    with locked(store), monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        kept.add(session(run, 0))
        with pytest.raises(StoreError, match="nor written"):
            kept.close()
    kept.close()
    assert len(store.sessions([run])) == 1
