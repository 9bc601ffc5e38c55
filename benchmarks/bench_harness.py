"""What the harness costs: devices side by side against one alone, and the time it adds to a session.

    python benchmarks/bench_harness.py SERIAL [SERIAL …] [--sessions 3]

A session's overhead is what passes on the host from reading the device's health to storing the session, less what the
runner's process took by its own clock: starting it, looking at it, bringing its results home, health before and after.
The devices' work here is a sleep, so that devices which share a host's cores do not slow each other down.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdkgen.bench.devices.transport import Found, connected
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import OUT, Place, System
from sdkgen.bench.results.store import Store
from sdkgen.bench.runners.programs import LiteRtRunner
from sdkgen.bench.runs.bench import Bench
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch

SLEEP_SECONDS = 3


@dataclass(frozen=True)
class Sleeper(LiteRtRunner):
    """A runner that sleeps where a real one would measure, and reports one sample and its own duration."""

    folder: Path

    def files(self, system: System, abi: str) -> Mapping[str, Path]:  # noqa: ARG002
        """See ``Runner.files``."""
        program = self.folder / "sleeper"
        header = (
            '{"type":"header","schema":1,"runner":"1","abi":"","pid":1,"started_unix":1,"clock":"","resolution_ns":1,'
            '"backend":"cpu","precision":"fp16","threads":1,"runs":1,"warmup_seconds":0,"drift":0,"paced":0}'
        )
        program.write_text(
            f"#!/bin/sh\nbegan=$(date +%s%N)\nsleep {SLEEP_SECONDS}\ntook=$(($(date +%s%N) - began))\n"
            f'cat >"$1" <<END\n{header}\n'
            '{"type":"sample","i":0,"at_ns":0,"run_ns":null,"total_ns":1000000}\n'
            '{"type":"end","runs":1,"peak_kib":-1,"elapsed_ns":$took}\nEND\n'
        )
        return {"sleeper": program}

    def command(self, cell: Cell, settings: Settings, place: Place, program: str) -> str:  # noqa: ARG002
        """See ``Runner.command``."""
        return f"{place.kit}/{program} {place.session}/{OUT}"


def measure(
    devices: Sequence[Found], settings: Settings, folder: Path, runner: LiteRtRunner
) -> tuple[float, list[float]]:
    """Return the seconds that a bench takes, and each session's overhead in seconds."""
    artifact = fetch.path_of(load_model("blazeface-front"))
    if artifact is None:
        raise SystemExit("the released weights are needed")
    store = Store(str(folder / "results.sqlite"))
    job = Bench(devices, [Cell.of("blazeface-front", artifact, "cpu")], settings, runner, store)
    began = time.monotonic()
    job.run()
    seconds = time.monotonic() - began
    for problem in job.problems:
        raise SystemExit(f"{problem.device}: {problem.error}")
    overheads = []
    for session in store.sessions([job.run_id]):
        end = session.recording.end
        if end is not None and end.elapsed_ns is not None:
            overheads.append(session.host_seconds - end.elapsed_ns / 1e9)
    store.close()
    return seconds, overheads


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("serial", nargs="+")
    parser.add_argument("--sessions", type=int, default=3)
    given = parser.parse_args()
    by_serial = {one.serial: one for one in connected()}
    devices = [by_serial[serial] for serial in given.serial]
    settings = Settings(sessions=given.sessions, runs=1)
    with tempfile.TemporaryDirectory() as scratch:
        sleeper = Sleeper(Path(scratch))
        measure(devices, Settings(sessions=1, runs=1), Path(scratch), sleeper)  # brings the files
        alone = {}
        for device in devices:
            alone[device.serial], overheads = measure([device], settings, Path(scratch), sleeper)
            cost = f"overhead a session {statistics.median(overheads):.2f} s, at most {max(overheads):.2f} s"
            print(f"{device.serial:20} alone {alone[device.serial]:6.2f} s   {cost}")
        seconds, overheads = measure(devices, settings, Path(scratch), sleeper)
        slowest = max(alone.values())
        print(f"{len(devices)} side by side {seconds:6.2f} s = {seconds / slowest:.2f} × the slowest alone")
        print(f"overhead a session, side by side: {statistics.median(overheads):.2f} s, at most {max(overheads):.2f} s")


if __name__ == "__main__":
    main()
