"""The benchmark of a Swift SDK: the package's performance tests, built and started on iPhones by ``xcodebuild``.

Every measurement prints a line that begins with SDKGEN-SAMPLES, followed by JSON; each becomes a row of its own.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sdkgen.bench.devices.identity import Identity, hash_serial
from sdkgen.bench.devices.iphone import connected_iphones
from sdkgen.bench.devices.select import IPHONE
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Backend, Cell, Settings
from sdkgen.bench.results.keeper import Keeper
from sdkgen.bench.results.packing import pack_session
from sdkgen.bench.results.store import Store
from sdkgen.bench.runners.sdk import OWN_THREADS, Sdk
from sdkgen.bench.runs.bench import Problem
from sdkgen.bench.samples import End, Header, Init, Placement, Recording, back_to_back, garbage
from sdkgen.bench.sessions.session import Outcome
from sdkgen.errors import SdkgenError

RUNNER = "xcodebuild"
BUILD_SECONDS = 1200
"""What building the package may take, beside the session itself."""

_LINE = re.compile(r"^.*?SDKGEN-SAMPLES (.*)$", re.MULTILINE)

Milliseconds = Annotated[float, Field(ge=0)]


class _Samples(BaseModel):
    """One line of SDKGEN-SAMPLES."""

    model_config = ConfigDict(strict=True, frozen=True)

    schema_version: Literal[1] = Field(alias="schema")
    model: str
    what: str
    activeComputeUnits: str  # noqa: N815  # as Swift writes it
    system: str
    thermalState: int  # noqa: N815
    startMilliseconds: Milliseconds  # noqa: N815
    milliseconds: list[Milliseconds]


@dataclass(frozen=True)
class Phone:
    """An iPhone: what xcodebuild calls it, and who it is."""

    udid: str
    identity: Identity

    @classmethod
    def of(cls, udid: str) -> Phone:
        """Return a phone of which nothing is known but its identifier."""
        return cls(udid, Identity(serial_hash=hash_serial(udid), manufacturer="Apple", model="iPhone", abi="arm64"))


def check_host() -> None:
    """Raise ``DeviceError`` where there is no Xcode."""
    if platform.system() != "Darwin":
        raise DeviceError(
            f"an iOS SDK can only be measured from a Mac; this is {platform.system()}",
            context="iphone",
            hint="Copy the bundle to a Mac with Xcode and run this there, with the iPhone connected and unlocked.",
            reference="iphone-needs-mac",
        )
    if shutil.which("xcodebuild") is None:
        raise DeviceError(
            "there is no xcodebuild",
            context="iphone",
            hint="Install Xcode, open it once, and run: sudo xcode-select --switch /Applications/Xcode.app",
            reference="no-xcode",
        )


def select(serials: Sequence[str]) -> list[Phone]:
    """Return the iPhones with these identifiers, or all that are connected; raises ``DeviceError`` without Xcode."""
    check_host()
    if named := [serial for serial in serials if serial not in ("all", IPHONE)]:
        return [Phone.of(udid) for udid in named]
    return [Phone(one.handle.udid, one.identity) for one in connected_iphones()]


def run(
    phones: Sequence[Phone], sdk: Sdk, backends: Sequence[Backend], settings: Settings, store: Store, team: str
) -> tuple[str, list[Problem]]:
    """Measure on every phone, one after the other, and return the run's id and what went wrong.

    Every session is stored as soon as it is over. A phone on which one fails is left.
    """
    check_host()
    run_id = store.begin_run(settings)
    keeper = Keeper(store, run_id)
    problems: list[Problem] = []
    for phone in phones:
        for number, backend in ((n, backend) for n in range(settings.sessions) for backend in backends):
            error = _session(phone, sdk, backend, settings, keeper, team, (run_id, number))
            if error is not None:
                problems.append(Problem(phone.udid, f"{sdk.row()} on {backend}", error))
                break
    keeper.close()
    return run_id, problems


def command(phone: Phone, sdk: Sdk, team: str) -> list[str]:
    """Return the command line that builds the package's performance tests and runs them on a phone."""
    made = ["xcodebuild", "test", "-scheme", sdk.name, "-destination", f"platform=iOS,id={phone.udid}"]
    made += [f"-only-testing:{sdk.name}Tests/PerformanceTests", "-configuration", "Release", "ENABLE_TESTABILITY=YES"]
    return [*made, *([f"DEVELOPMENT_TEAM={team}", "-allowProvisioningUpdates"] if team else [])]


def parse(text: str, runs: int) -> list[tuple[str, Recording, str]]:
    """Return what each measurement timed, its recording, and the phone's system, from what xcodebuild printed.

    Raises ``DeviceError`` ("runner-garbage") for a line that is not what the tests print, a measurement that comes
    twice, and where there is none.
    """
    found: dict[str, tuple[str, Recording, str]] = {}
    for line in _LINE.findall(text):
        try:
            samples = _Samples.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            raise garbage(f"{'.'.join(map(str, first['loc'])) or 'SDKGEN-SAMPLES'}: {first['msg']}") from error
        if samples.what in found:
            raise garbage(f"{samples.what!r} was measured twice")
        if len(samples.milliseconds) != runs:
            raise garbage(f"{len(samples.milliseconds)} samples where {runs} were expected")
        found[samples.what] = (samples.what, _recording(samples), samples.system)
    if not found:
        raise garbage("no line begins with SDKGEN-SAMPLES")
    return list(found.values())


def _session(
    phone: Phone, sdk: Sdk, backend: Backend, settings: Settings, keeper: Keeper, team: str, at: tuple[str, int]
) -> SdkgenError | None:
    began = time.monotonic()
    log, error, measured = "", None, []
    try:
        log = _xcodebuild(phone, sdk, backend, settings, team)
        measured = parse(log, settings.runs)
    except SdkgenError as caught:
        error = caught
    rows = measured or [("", Recording(), "")]
    for what, recording, system in rows:
        cell = Cell(sdk.row(what), sdk.folder, backend, OWN_THREADS, "fp16", sdk.sha256)
        seconds = sum(one.total_ns for one in recording.samples) / 1e9
        outcome = Outcome("failed" if error else "complete", recording, error, log[-16_384:], device_seconds=seconds)
        known = phone.identity
        keeper.add(
            pack_session(
                at[0],
                at[1],
                identity=known if known.os or not system else known.model_copy(update={"os": f"iOS {system}"[:200]}),
                transport="xcodebuild",
                runner=RUNNER,
                cell=cell,
                settings=settings,
                outcome=outcome,
                host_seconds=time.monotonic() - began,
            )
        )
    return error


def _xcodebuild(phone: Phone, sdk: Sdk, backend: Backend, settings: Settings, team: str) -> str:
    asked = {"TEST_RUNNER_SDKGEN_FRAMES": str(settings.runs), "TEST_RUNNER_SDKGEN_UNITS": backend}
    try:
        done = subprocess.run(
            command(phone, sdk, team),
            cwd=sdk.folder,
            env=os.environ | asked,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=BUILD_SECONDS + settings.limit_seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"xcodebuild gave no result within {error.timeout:g} s",
            context=phone.udid,
            hint="Unlock the phone and keep it unlocked; give it more time with --limit.",
            reference="runner-hung",
        ) from error
    if done.returncode == 0:
        return done.stdout
    said = [line for line in (done.stdout + done.stderr).splitlines() if "error:" in line.lower()]
    last = (said or (done.stderr or done.stdout).strip().splitlines() or ["no message"])[-1]
    hint = "Unlock the phone, check the cable, and that the development team may sign for it (--team)."
    if "Logic Testing" in last:
        hint = "This Xcode runs a package's tests on a phone only inside an app: add the test file to an app's tests."
    raise DeviceError(f"xcodebuild failed: {last.strip()[:300]}", context=phone.udid, hint=hint, reference="sdk-failed")


def _recording(samples: _Samples) -> Recording:
    times = [round(value * 1e6) for value in samples.milliseconds]
    return Recording(
        header=Header(
            runner=RUNNER,
            abi="arm64",
            pid=0,
            started_unix=int(time.time()),
            clock="ContinuousClock",
            resolution_ns=0,
            backend="",
            precision="fp16",
            threads=OWN_THREADS,
            runs=len(times),
            warmup_seconds=0.0,
            drift=0.0,
            paced=0.0,
        ),
        init=Init(load_ns=None, cold_ns=round(samples.startMilliseconds * 1e6), warm_ns=None),
        placement=Placement(backend="", accelerator=samples.activeComputeUnits[:300], ops=-1, delegated=-1, full=True),
        samples=back_to_back(times),
        end=End(runs=len(times), peak_kib=-1),
    )
