"""The store keeps what it was given, whatever happens to the process or the file."""

from __future__ import annotations

import os
import platform
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DataError

from sdkgen.bench.devices.health import Health
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Settings
from sdkgen.bench.results import database, migrations
from sdkgen.bench.results.database import StoreError
from sdkgen.bench.results.series import pack, unpack
from sdkgen.bench.results.store import Store
from sdkgen.bench.samples import Recording
from sdkgen.bench.sessions.session import Outcome
from sdkgen.errors import SdkgenError, UsageError
from tests.bench.recordings import cell, identity, recording
from tests.conftest import Run


def add(store: Store, run: str, number: int = 0, **more: object) -> int:
    values: dict[str, object] = {
        "identity": identity(),
        "transport": "local",
        "runner": "litert",
        "cell": cell(),
        "settings": Settings(),
        "outcome": Outcome("complete", recording([1.0, 2.0, 3.0])),
    }
    return store.add_session(run, number, **{**values, **more})


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "results.sqlite"))
    run = store.begin_run(Settings(runs=3))
    health = Health(battery_level=80, thermal_status=None, temperatures={"cpu": 41.5})
    add(store, run, health=(health, None), host_seconds=2.5)
    store.end_run(run)
    store.close()

    again = Store(str(tmp_path / "results.sqlite"), create=False)
    (session,) = again.sessions([run])
    assert session.recording == recording([1.0, 2.0, 3.0])
    assert session.identity == identity()
    assert session.health_before == health
    assert session.health_after is None
    assert session.provenance == "measured"
    assert session.artifact_sha256 == cell().sha256
    (stored,) = again.runs()
    assert stored.settings["runs"] == 3
    assert stored.ended is not None
    assert "sdkgen" in stored.versions


def test_emulated_devices_are_labelled_as_such(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    add(store, run, identity=identity(emulated=True))
    assert store.sessions([run])[0].provenance == "emulated"


def test_two_devices_of_one_model_stay_two(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    add(store, run, identity=identity("a"))
    add(store, run, identity=identity("b"))
    assert len({session.identity.serial_hash for session in store.sessions([run])}) == 2


def test_a_failed_session_is_kept_with_its_reason(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    error = DeviceError("it crashed", hint="look at the log", reference="runner-crashed")
    add(store, run, outcome=Outcome("failed", Recording(), error, "log text"))
    (session,) = store.sessions([run])
    assert session.error == {"reference": "runner-crashed", "message": "it crashed", "hint": "look at the log"}
    assert session.log == "log text"


def test_a_session_is_whole_or_not_there(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    add(store, run)
    with sqlite3.connect(tmp_path / "s") as other:
        other.execute("CREATE TRIGGER refuse BEFORE INSERT ON series BEGIN SELECT RAISE(ABORT, 'no'); END")
    other.close()
    with pytest.raises(StoreError):
        add(store, run, 1)
    assert len(store.sessions([run])) == 1


def test_a_kill_while_writing_loses_nothing_that_was_written(tmp_path: Path) -> None:
    script = (
        "import sys; from sdkgen.bench.results.store import Store; from sdkgen.bench.plan import Settings\n"
        "from tests.bench.results.test_store import add\n"
        "store = Store(sys.argv[1]); run = store.begin_run(Settings())\n"
        "n = 0\n"
        "while True: add(store, run, n); n += 1; print(n, flush=True)\n"
    )
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "s")], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    time.sleep(0.013)
    process.send_signal(signal.SIGKILL)
    said = 5 + len(process.stdout.read().split())
    process.wait()
    process.stdout.close()
    store = Store(str(tmp_path / "s"))
    sessions = store.sessions([run.id for run in store.runs()])
    assert len(sessions) >= said
    assert all(len(session.recording.samples) == 3 for session in sessions)


def test_an_older_store_is_brought_up_to_date(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    add(store, run)
    add(store, run, 1, outcome=Outcome("failed", Recording()))
    store.close()
    with sqlite3.connect(tmp_path / "s") as old:
        old.execute(
            "CREATE TABLE samples (session_id INTEGER, i INTEGER, at_ns BIGINT, run_ns BIGINT, total_ns BIGINT, "
            "PRIMARY KEY (session_id, i))"
        )
        rows = [(1, 2, 20_000_000, None, 3_000_000), (1, 0, 0, 999_000, 1_000_000), (1, 1, 10_000_000, 0, 2_000_000)]
        old.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?)", rows)
        old.execute("DROP TABLE series")
        old.execute("ALTER TABLE sessions DROP COLUMN reconnects")
        old.execute("ALTER TABLE sessions DROP COLUMN health_during")
        old.execute("UPDATE meta SET value = '1'")
    old.close()
    again = Store(str(tmp_path / "s"))
    session, failed = again.sessions([run])
    assert session.reconnects == 0
    assert [(one.at_ns, one.run_ns, one.total_ns) for one in session.recording.samples] == [
        (0, 999_000, 1_000_000),
        (10_000_000, 0, 2_000_000),
        (20_000_000, None, 3_000_000),
    ]
    assert len(failed.series) == 0
    with sqlite3.connect(tmp_path / "s") as new:
        assert new.execute("SELECT value FROM meta").fetchall() == [(str(migrations.VERSION),)]
    new.close()


def test_every_version_has_a_step_to_the_next() -> None:
    assert sorted(migrations.STEPS) == list(range(1, migrations.VERSION))


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    Store(str(tmp_path / "s")).close()
    with sqlite3.connect(tmp_path / "s") as newer:
        newer.execute("UPDATE meta SET value = '99'")
    newer.close()
    with pytest.raises(StoreError) as caught:
        Store(str(tmp_path / "s"))
    assert caught.value.reference == "store-too-new"


@pytest.mark.parametrize(
    "damage", [b"not a database, whatever it is called" * 40, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_damaged_store_is_named_and_kept(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "s"
    file.write_bytes(damage)
    with pytest.raises(StoreError) as caught:
        Store(str(file))
    assert caught.value.reference == "store-damaged"
    assert str(file) in caught.value.context
    assert file.read_bytes() == damage


def test_a_store_damaged_in_the_middle_is_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    for number in range(20):
        add(store, run, number)
    store.close()
    data = bytearray((tmp_path / "s").read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(StoreError) as caught:
        Store(str(tmp_path / "s")).sessions([run])
    assert caught.value.reference == "store-damaged"


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s") as other:
        other.execute("CREATE TABLE contacts (name TEXT)")
    other.close()
    with pytest.raises(StoreError):
        Store(str(tmp_path / "s"))


def test_a_locked_store_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.2)
    store = Store(str(tmp_path / "s"))
    other = sqlite3.connect(tmp_path / "s", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError) as caught:
        store.begin_run(Settings())
    assert caught.value.reference == "store-locked"
    other.execute("ROLLBACK")
    other.close()
    store.begin_run(Settings())


def test_a_session_waits_for_another_process_that_writes(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    other = sqlite3.connect(tmp_path / "s", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, other.execute, ["COMMIT"])
    done.start()
    try:
        add(store, run)
    finally:
        done.join()
        other.close()
    assert len(store.sessions([run])) == 1


def test_a_value_that_the_database_does_not_take_is_no_damage(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    with pytest.raises(StoreError) as caught, database.guard(store.place):
        raise DataError("INSERT", {}, ValueError("bigint out of range"))
    assert caught.value.reference == "store-failed"
    assert "bigint out of range" in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_says_so(tmp_path: Path) -> None:
    Store(str(tmp_path / "s")).close()
    (tmp_path / "s").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StoreError) as caught:
            Store(str(tmp_path / "s")).begin_run(Settings())
    finally:
        tmp_path.chmod(0o755)
    assert caught.value.reference == "store-read-only"


def test_a_store_opened_for_reading_only_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(str(tmp_path / "s")).close()
    place = f"sqlite:///file:{tmp_path / 's'}?mode=ro&uri=true"
    monkeypatch.chdir(tmp_path)
    for create in (False, True):
        with pytest.raises(StoreError) as caught:
            Store(place, create=create).begin_run(Settings())
        assert caught.value.reference == "store-read-only"
    assert not (tmp_path / "file:").exists()


def test_a_store_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        Store(str(tmp_path / "file" / "s"))
    assert caught.value.reference == "store-read-only"
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError):
        Store(str(tmp_path / "folder"))


def test_a_store_that_is_not_there_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Store(str(tmp_path / "s"), create=False)
    assert not (tmp_path / "s").exists()
    (tmp_path / "s").touch()  # as one is that is being made
    with pytest.raises(StoreError) as caught:
        Store(str(tmp_path / "s"), create=False)
    assert caught.value.reference == "no-store"


@pytest.mark.parametrize("url", ["nosuch://host/db", "://", "postgresql+nosuch://x/y"])
def test_an_unusable_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        Store(url)


def test_the_tables_are_not_sqlite_only() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    engine = create_engine("sqlite://")
    for table in migrations.metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    engine.dispose()


def test_times_do_not_overflow_after_two_seconds() -> None:
    rows = [(0, None, 5_000_000_000), (2**40, 2**41, 2**42)]
    assert unpack(pack(rows)).tolist() == [[0, -1, 5_000_000_000], [2**40, 2**41, 2**42]]


def test_many_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    script = "import sys; from sdkgen.bench.results.store import Store; Store(sys.argv[1]).runs()"
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s")], stderr=subprocess.PIPE) for _ in range(6)
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * 6, said


def test_a_store_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(database, "insert", killed)
        Store(str(tmp_path / "s"))
    with sqlite3.connect(tmp_path / "s") as left:
        assert left.execute("SELECT name FROM sqlite_master").fetchall() == []
    left.close()
    Store(str(tmp_path / "s")).begin_run(Settings())


def test_any_text_of_a_device_is_stored_and_no_longer_dangerous(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    run = store.begin_run(Settings())
    name = "a\0b" + "x" * 5000 + "\udcff"
    who = identity(model="phone\0 \udc80")
    error = DeviceError("it said \0", reference="runner-crashed")
    add(store, run, cell=cell(model=name), identity=who, outcome=Outcome("failed", Recording(), error, "log\0\udcff"))
    (session,) = store.sessions([run])
    assert session.model == "a\\x00b" + "x" * 5000 + "\\udcff"
    assert session.identity.model == "phone\\x00 \\udc80"
    assert session.log == "log\\x00\\udcff"


@pytest.mark.parametrize(
    "place",
    [
        "postgresql://me:s3cret@127.0.0.1:1/results",
        "postgresql+psycopg://me:s3cret@127.0.0.1:1/results?connect_timeout=1",
        "nosuch://me:s3cret@host/x",
        "postgresql://127.0.0.1:1/results?user=me&password=s3cret",
    ],
)
def test_no_message_holds_a_password(place: str) -> None:
    with pytest.raises(SdkgenError) as caught:
        Store(place)
    assert "s3cret" not in str(caught.value)


def test_a_list_of_runs_is_whole_in_a_pipe(tmp_path: Path, run: Run) -> None:
    store = Store(str(tmp_path / "s"))
    ids = [store.begin_run(Settings()) for _ in range(2)]
    for number, model in enumerate("abcd"):
        add(store, ids[0], number, cell=cell(model=f"a-rather-long-name-of-a-model-{model}"))
    store.end_run(ids[0])
    done = run("report", "--store", tmp_path / "s", "--runs", COLUMNS="40")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    first, second = (next(line for line in lines if one in line) for one in ids)
    assert "Phone 1" in first
    assert "-c and 1 more" in first
    assert platform.node() in first
    assert " 4 " in first
    assert "interrupted, or goes on" in second


@pytest.mark.skipif("SDKGEN_TEST_POSTGRES" not in os.environ, reason="SDKGEN_TEST_POSTGRES names no empty database")
def test_a_database_of_several_machines(tmp_path: Path) -> None:
    """Several begin with an empty PostgreSQL database at once, and what one stores the others see."""
    place = os.environ["SDKGEN_TEST_POSTGRES"]
    script = "import sys; from sdkgen.bench.results.store import Store; Store(sys.argv[1]).runs()"
    started = [subprocess.Popen([sys.executable, "-c", script, place], stderr=subprocess.PIPE) for _ in range(4)]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    store = Store(place)
    run = store.begin_run(Settings())
    add(store, run, cell=cell(model="x\0" * 300))
    add(store, run, 1, outcome=Outcome("failed", Recording(), DeviceError("it crashed")))
    store.end_run(run)
    found = Store(place, create=False).sessions([run])
    assert [len(one.series) for one in found] == [3, 0]
    assert store.summaries()[run].sessions == 2
    assert tmp_path.exists()
