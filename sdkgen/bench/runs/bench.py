"""A bench: every cell on every device, devices side by side, each session stored as soon as it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sdkgen.bench.devices.health import Health, hot, read_health
from sdkgen.bench.devices.identity import Identity, identify
from sdkgen.bench.devices.locks import device_lock
from sdkgen.bench.devices.transport import Found, Transport
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Cell, Settings, turns
from sdkgen.bench.protocol import Runner
from sdkgen.bench.results.keeper import Keeper
from sdkgen.bench.results.packing import pack_session
from sdkgen.bench.results.store import Store
from sdkgen.bench.samples import Recording
from sdkgen.bench.sessions.awake import kept_awake
from sdkgen.bench.sessions.clocks import lock_clocks
from sdkgen.bench.sessions.lease import hold_device
from sdkgen.bench.sessions.session import Outcome, Session, Stopped, running_median
from sdkgen.bench.sessions.workspace import TRANSIENT, Workspace, open_workspace
from sdkgen.errors import SdkgenError

LONGEST_COOLING = 300.0
"""How long to wait for a hot device, in a run; then it is measured all the same, and the result says so."""
_COOLING_STEP = 5.0
_RESTING_STEP = 60.0
"""How long a rest may leave a device unasked: it has to hear from this machine now and then, see ``lease.py``."""

_NO_SENSE_IN_REPEATING = {"backend-unavailable", "no-litert", "bad-model", "runner-missing", "runner-not-executable"}
_FAILURES_ALLOWED = 2


@dataclass(frozen=True)
class Problem:
    """What went wrong on which device, and in which cell if in one."""

    device: str
    cell: str
    error: SdkgenError


@dataclass
class Progress:
    """What a device is doing, for the live table; written by its thread, read by the one that draws."""

    serial: str
    label: str = ""
    phase: str = "waiting"
    cell: str = ""
    done: int = 0
    total: int = 0
    cooling_left: float = LONGEST_COOLING
    temperature: float | None = None
    median_ms: float | None = None


@dataclass
class Bench:
    """What to measure, and the threads that do."""

    devices: Sequence[Found]
    cells: Sequence[Cell]
    settings: Settings
    runner: Runner
    store: Store
    run_id: str = ""
    problems: list[Problem] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    _keeper: Keeper = field(init=False)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def run(self, draw: Callable[[], None] = lambda: None) -> None:
        """Measure everything; ``draw`` is called a few times a second meanwhile.

        What goes wrong on a device ends up in ``problems`` and does not keep the others from going on. After an
        interrupt, the processes on the devices are killed, and the interrupt goes on.

        Raises ``StoreError`` at the end if results could not be stored; they are in a file then, which it names.
        """
        self.run_id = self.store.begin_run(self.settings)
        keeper = self._keeper = Keeper(self.store, self.run_id)
        total = len(self.cells) * self.settings.passes
        self.progress = {found.serial: Progress(found.serial, total=total) for found in self.devices}
        try:
            with ThreadPoolExecutor(max_workers=len(self.devices), thread_name_prefix="device") as pool:
                futures = [pool.submit(self._device, found) for found in self.devices]
                try:
                    while not all(future.done() for future in futures):
                        draw()
                        time.sleep(0.1)
                finally:
                    self.stop.set()
                for future in futures:
                    future.result()
        except BaseException:
            keeper.store_pending()
            raise
        draw()
        keeper.close()

    def _device(self, found: Found) -> None:
        state = self.progress[found.serial]
        try:
            state.phase = "connecting"
            with closing(found.open()) as transport:
                identity = identify(transport, is_serial_shared=found.is_serial_shared)
                state.label = identity.model or found.serial
                with device_lock(identity.serial_hash, found.serial):
                    self._cells(transport, identity, state)
        except Stopped:
            state.phase = "stopped"
            return
        except SdkgenError as error:
            self._problem(state, "", error)
        state.phase = "failed" if any(one.device == found.serial for one in self.problems) else "done"

    def _cells(self, transport: Transport, identity: Identity, state: Progress) -> None:
        state.phase = "bringing files"
        workspace = open_workspace(transport, self.runner)
        with hold_device(workspace):
            workspace.bring(self.cells)
            locked = lock_clocks(workspace) if self.settings.lock_clocks else nullcontext()
            with kept_awake(workspace), locked:
                self._turns(workspace, identity, state)

    def _turns(self, workspace: Workspace, identity: Identity, state: Progress) -> None:
        failures = dict.fromkeys(self.cells, 0)
        for number, cell in turns(self.cells, self.settings.passes):
            if self.stop.is_set():
                raise Stopped
            if failures[cell] < _FAILURES_ALLOWED:
                outcome = self._session(workspace, identity, state, number, cell)
                if outcome.error is not None:
                    self._problem(state, cell.name, outcome.error)
                    hopeless = outcome.error.reference in _NO_SENSE_IN_REPEATING
                    failures[cell] = _FAILURES_ALLOWED if hopeless else failures[cell] + 1
                if outcome.status == "lost":
                    return
            state.done += 1

    def _session(self, workspace: Workspace, identity: Identity, state: Progress, number: int, cell: Cell) -> Outcome:
        state.cell, state.median_ms = cell.name, None
        begun, before = self._rested(workspace, state, first=state.done == 0)
        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        state.phase = "starting"

        def watch(recording: Recording) -> None:
            state.phase = "measuring" if recording.warmup else "warming up" if recording.first else "initialising"
            state.median_ms = running_median(recording)

        outcome = Session(workspace, cell, self.settings, stop=self.stop, watch=watch).run()
        after = _health(workspace) if outcome.status != "lost" else None
        self._keeper.add(
            pack_session(
                self.run_id,
                number,
                identity=identity,
                transport=workspace.transport.kind,
                runner=self.runner.name,
                cell=cell,
                settings=self.settings,
                outcome=outcome,
                health=(before, after),
                started=started,
                host_seconds=time.monotonic() - begun,
            )
        )
        return outcome

    def _rested(self, workspace: Workspace, state: Progress, *, first: bool) -> tuple[float, Health | None]:
        """Let the device rest between sessions, and longer while it is hot; return when it had, and its health then."""
        if not first and self.settings.cooldown > 0:
            state.phase = "resting"
            self._rest(workspace, self.settings.cooldown)
        while True:
            begun = time.monotonic()
            health = _health(workspace)
            state.temperature = temperature(health) if health is not None else None
            if health is None or not hot(health) or state.cooling_left <= 0:
                return begun, health
            state.phase = "cooling down"
            self._rest(workspace, _COOLING_STEP)
            state.cooling_left -= time.monotonic() - begun

    def _rest(self, workspace: Workspace, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stop.wait(min(left, _RESTING_STEP)):
                raise Stopped
            if left > _RESTING_STEP:
                _health(workspace)

    def _problem(self, state: Progress, cell: str, error: SdkgenError) -> None:
        state.phase = "failed"
        where = f"{state.serial}, {cell}" if cell else state.serial
        error.context = where if not error.context or error.context == state.serial else f"{where}: {error.context}"
        with self._writing:
            self.problems.append(Problem(state.serial, cell, error))


def temperature(health: Health) -> float | None:
    """Return the temperature to show: the battery's, or else the hottest zone's, in degrees Celsius."""
    if health.battery_temperature is not None:
        return health.battery_temperature
    return max(health.temperatures.values()) if health.temperatures else None


def _health(workspace: Workspace) -> Health | None:
    try:
        return workspace.again(lambda: read_health(workspace.transport))
    except (*TRANSIENT, DeviceError):
        return None
