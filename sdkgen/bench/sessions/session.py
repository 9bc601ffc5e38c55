"""One session: a fresh process on the device that measures one cell, started, watched and brought home.

The process runs detached and writes to the device's own disk, so a daemon or a cable that goes away costs nothing: the
session reconnects and reads on. What had been read by then is kept even if the device never comes back.
"""

from __future__ import annotations

import shlex
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sdkgen.bench.devices.health import Health
from sdkgen.bench.devices.heat import HEAT, Heat
from sdkgen.bench.errors import DeviceError, DeviceFull
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import CONSOLE, LOG, OUT, exit_failure
from sdkgen.bench.samples import Recording, garbage, parse
from sdkgen.bench.sessions.workspace import TRANSIENT, Workspace
from sdkgen.errors import SdkgenError
from sdkgen.files import sha256_bytes, sha256_path

LOOK_SECONDS = 0.5
"""How long a look at a running session waits, asleep on the device, for its end; so that it is seen at once."""
LOOK_BYTES = 4 << 20
"""How much of the results a look brings home at most; what is left is brought at the end."""
GRACE_SECONDS = 30.0
"""How much longer than its limit a session is waited for, before it is killed from here."""
LOG_BYTES = 16_384
"""How much of what the device printed is kept."""


class Stopped(Exception):  # noqa: N818  (not an error: the user asked for it)
    """The user asked to stop, and the process on the device has been killed."""


@dataclass(frozen=True)
class Outcome:
    """What became of a session: complete, failed on the device, or lost with it (then ``recording`` may be partial)."""

    status: Literal["complete", "failed", "lost"]
    recording: Recording
    error: SdkgenError | None = None
    log: str = ""
    reconnects: int = 0
    device_seconds: float = 0.0
    during: Health | None = None
    """The worst of what the device said of its heat and clocks while the runner ran; None if it said nothing."""


class Session:
    """A session of ``cell`` on the device of ``workspace``; call ``run`` once."""

    def __init__(
        self,
        workspace: Workspace,
        cell: Cell,
        settings: Settings,
        *,
        stop: threading.Event | None = None,
        watch: Callable[[Recording], None] | None = None,
    ) -> None:
        self._workspace = workspace
        self._cell = cell
        self._settings = settings
        self._stop = stop or threading.Event()
        self._watch = watch
        self._name = uuid.uuid4().hex
        self._folder = f"{workspace.root}/sessions/{self._name}"
        self._seen = b""
        self._heat = Heat()
        self._started = 0.0
        self._ended = 0.0

    def run(self) -> Outcome:
        """Measure, and return what became of it. Raises ``Stopped`` if the user asked to stop."""
        try:
            self._launch()
            outcome = self._collect(*self._wait())
        except TRANSIENT as error:
            return self._lost(error)
        except DeviceError as error:
            outcome = self._outcome("failed", _parsed(self._seen), error)
        self._remove()
        return outcome

    def _launch(self) -> None:
        workspace, folder = self._workspace, shlex.quote(self._folder)
        place = workspace.place(self._cell, self._folder)
        command = workspace.runner.command(self._cell, self._settings, place, workspace.program)
        # Where GPU drivers keep compiled kernels, and ask for a private folder: new, so that a cold start is one.
        home = f"{folder}/home"
        inside = (
            f"flock 9; echo $$ >pid; export HOME={home} XDG_CACHE_HOME={home} XDG_RUNTIME_DIR={home} "
            f"LD_LIBRARY_PATH={shlex.quote(workspace.kit)}; "
            f"{command} >{CONSOLE} 2>&1; echo $? >rc.part; mv rc.part rc"
        )
        # Descriptor 9 holds a lock for as long as the runner lives: who waits for it sleeps until the end.
        start = (
            f"mkdir -p {home} {folder}/cache && chmod 700 {home} && cd {folder} || exit 1; "
            f"echo {shlex.quote(workspace.runner.end)} >end; "
            f"[ -e pid ] || setsid sh -c {shlex.quote(inside)} </dev/null >/dev/null 2>&1 9>busy & "
            f"i=0; while [ $i -lt 100 ]; do [ -s {folder}/pid ] && exit 0; sleep 0.02; i=$((i + 1)); done; exit 1"
        )
        done = self._workspace.shell(start)
        if done.exit_code != 0:
            hint = "Free space in /data/local/tmp, and check that the shell may write there."
            raise DeviceError(
                f"the session could not be started: {done.stderr.decode(errors='replace')[:200]}", hint=hint
            )
        self._started = time.monotonic()

    def _wait(self) -> tuple[int, dict[str, str]]:
        """Return the runner's exit code once it has ended, and its files' sha256; kills it when its time is up.

        Raises ``Stopped``, with the runner killed, when the user stops.
        """
        deadline = self._started + self._settings.limit_seconds + GRACE_SECONDS
        vanished, pause = 0, 0.0
        while True:
            if self._stop.wait(pause):
                self._kill()
                raise Stopped
            began = time.monotonic()
            state, hashes = self._look()
            if state.startswith("rc "):
                self._ended = time.monotonic()
                return _exit_code(state[3:]), hashes
            # Where the device knows no file locks, it answers at once.
            pause = max(0.0, LOOK_SECONDS - (time.monotonic() - began))
            vanished = vanished + 1 if state == "gone" else 0
            if vanished > 1:
                raise DeviceError(
                    "the runner is gone from the device and left no exit code",
                    hint="The device may have restarted, or run out of memory: look at its log (adb logcat).",
                    reference="runner-crashed",
                )
            if time.monotonic() > deadline:
                self._kill()
                raise DeviceError(
                    f"the runner hung: it gave no result within {self._settings.limit_seconds} s",
                    hint="Give it more time with --limit, or try fewer --runs or the other backend.",
                    reference="runner-hung",
                )

    def _look(self) -> tuple[str, dict[str, str]]:
        """Wait a moment for the runner's end, and read what it has written since the last look.

        Returns "running", "gone", or "rc N" at the end ("rc lost" where the device could not keep it); and at the end
        the sha256 of its files by name.
        """
        folder = shlex.quote(self._folder)
        done = self._workspace.shell(
            f"cd {folder} || exit 1; {HEAT}; [ -f rc ] || timeout {LOOK_SECONDS} flock -s 9 9<busy 2>/dev/null; "
            f"if [ -f rc ]; then read c <rc; touch {OUT} {LOG} {CONSOLE}; "
            f"set -- $(sha256sum {OUT} {LOG} {CONSOLE}); echo rc ${{c:-lost}} $*; "
            f"elif kill -0 $(cat pid) 2>/dev/null; then echo running; else echo gone; fi; "
            f"tail -c +{len(self._seen) + 1} {OUT} 2>/dev/null | head -c {LOOK_BYTES}"
        )
        heat, _, rest = done.stdout.partition(b"\n")
        state, _, new = rest.partition(b"\n")
        self._heat.add(heat.decode(errors="replace"))
        self._seen += new
        if new and self._watch is not None:
            self._watch(_parsed(self._seen))
        words = state.decode(errors="replace").split()
        if done.exit_code != 0 and not words:
            raise DeviceError(
                "the session's folder is gone from the device", hint="Keep /data/local/tmp/sdkgen while a bench runs."
            )
        return " ".join(words[:2]), dict(zip(words[3::2], words[2::2], strict=False))

    def _collect(self, code: int, hashes: dict[str, str]) -> Outcome:
        """Bring the results home, compare their sha256, and read them."""
        workspace, names = self._workspace, (OUT, LOG, CONSOLE)
        with tempfile.TemporaryDirectory(prefix="sdkgen-") as scratch:
            needed = names if code != 0 else (OUT, CONSOLE) if workspace.runner.prints else (OUT,)
            data = {name: self._bring(name, Path(scratch), hashes.get(name, "")) for name in needed}
        out, console = data[OUT], data.get(CONSOLE, b"")
        log = console + data.get(LOG, b"")
        text = log[-LOG_BYTES:].decode(errors="replace")
        self._seen = out or self._seen
        if code != 0:
            recording = _parsed(out)
            said = recording.failure
            reason = failure_error(said.reference, said.message, log) if said else exit_failure(code, console)
            return self._outcome("failed", recording, reason, text)
        try:
            recording = workspace.runner.read(out, console, self._cell, self._settings)
        except DeviceError as error:
            return self._outcome("failed", _parsed(out), error, text)
        if recording.complete:
            return self._outcome("complete", recording, None, text)
        unfinished = garbage("it ended well, but its record is not finished")
        return self._outcome("failed", recording, unfinished, text)

    def _bring(self, name: str, scratch: Path, sha256: str) -> bytes:
        """Return a file of the session, whose ``sha256`` is known; what was read already is not pulled again."""
        if name == OUT and sha256_bytes(self._seen) == sha256:
            return self._seen
        target = scratch / name
        self._workspace.again(lambda: self._workspace.transport.pull(f"{self._folder}/{name}", target))
        if sha256_path(target) != sha256:
            raise DeviceError(
                f"{name} arrived damaged: its sha256 is not the one on the device",
                hint="Check the cable, and run the bench again.",
                reference="damaged-transfer",
            )
        return target.read_bytes()

    def _kill(self) -> None:
        """Kill the runner and everything it started: it leads a process group of its own."""
        self._workspace.shell(
            f"kill -9 -$(cat {shlex.quote(self._folder)}/pid) 2>/dev/null; {self._workspace.runner.end or ':'}; "
            f"rm -rf {shlex.quote(self._folder)}"
        )

    def _remove(self) -> None:
        try:
            self._workspace.sweep(self._name)
        except DeviceError:
            return

    def _lost(self, error: DeviceError) -> Outcome:
        lost = DeviceError(
            f"the device went away and did not come back: {error.message}",
            hint="Check the cable and the device, and run the bench again; what had arrived is in the store, marked.",
            reference="device-gone",
        )
        return self._outcome("lost", _parsed(self._seen), lost)

    def _outcome(
        self,
        status: Literal["complete", "failed", "lost"],
        recording: Recording,
        error: SdkgenError | None,
        log: str = "",
    ) -> Outcome:
        seconds = (self._ended or time.monotonic()) - self._started if self._started else 0.0
        return Outcome(status, recording, error, log, self._workspace.count_reconnects(), seconds, self._heat.worst)


def _exit_code(text: str) -> int:
    """Return the exit code that the device kept; raises ``DeviceFull`` if it kept none."""
    if text.isdecimal():
        return int(text)
    hint = "Free space on the device: on Android, in /data/local/tmp."
    raise DeviceFull("the runner has ended, but the device did not keep its exit code", hint=hint)


def _parsed(data: bytes) -> Recording:
    """Return what whole lines say; for a session that failed anyway, so that garbage counts as nothing."""
    try:
        return parse(data)
    except DeviceError:
        return Recording()


def running_median(recording: Recording) -> float | None:
    """Return the median of the samples so far in milliseconds."""
    times = sorted(sample.total_ns for sample in recording.samples)
    return times[len(times) // 2] / 1e6 if times else None


_HINTS = {
    "backend-unavailable": "Measure with --backend cpu, or look at `sdkgen devices` for the GPU and its driver.",
    "no-litert": "Check that LiteRT's libraries are for this device's ABI and system.",
    "bad-model": "Give a .tflite file with float32 inputs and outputs of fixed shape.",
    "no-face": "Choose a detector that finds the face of models/selftest.png: one whose weights are trained.",
    "bad-pipeline": "Leave --runner out, so that the runner and the pipeline's description are of one version.",
    "limit": "Give it more time with --limit, or fewer --runs.",
    "run-failed": "Try the other backend; if it stays, look at the device's log.",
    "not-finite": "Try --precision fp32: some GPU drivers overflow in 16 bits.",
    "stopped": "Something on the device ended the runner; run it again.",
}


def failure_error(reference: str, message: str, log: bytes = b"") -> DeviceError:
    """Return the error for one that the runner reported; its text, and LiteRT's ``log``, are the device's own."""
    known = reference if reference in _HINTS else "runner-failed"
    reasons = [line for line in log.decode(errors="replace").splitlines() if line.startswith("ERROR: ")]
    why = f" ({reasons[-1][len('ERROR: ') :][:160]})" if reasons else ""
    return DeviceError(f"{message[:300]}{why}", hint=_HINTS.get(known, "Look at the device's log."), reference=known)
