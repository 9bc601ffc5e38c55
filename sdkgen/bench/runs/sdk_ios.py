"""The benchmark of a Swift SDK: the bundle's sample app in its benchmark mode, on iPhones.

``xcodebuild`` builds and signs the app, ``devicectl`` installs it and starts it, a process a session. Every
measurement prints a line that begins with SDKGEN-SAMPLES, followed by JSON; each becomes a row of its own. The last
line begins with SDKGEN-END, or with SDKGEN-ERROR and has the reason.
"""

from __future__ import annotations

import platform
import plistlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sdkgen.bench.devices import devicectl
from sdkgen.bench.devices.devicectl import Phone
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

RUNNER = "devicectl"
APP = "FaceOverlay"
"""The sample app: its scheme, and its name as a product."""
BUILD_SECONDS = 1200
"""What building the app may take."""

_LINE = re.compile(r"^.*?(SDKGEN-(?:SAMPLES|END|ERROR)) (.*)$", re.MULTILINE)
_END = "SDKGEN-END"
_ERROR = "SDKGEN-ERROR"

_BUILD_HINTS = (
    (
        "Tool-hosted testing is unavailable",
        "Xcode runs a package's own tests on a Mac and in the simulator only. On a phone, sdkgen bench starts the "
        "sample app: build the bundle anew with this version of sdkgen.",
    ),
    ("requires a development team", "Name the team that signs: --team TEAM."),
    ("No Accounts", "Sign in to your Apple account in Xcode, Settings, Accounts."),
    ("Developer Mode", "Switch it on in Settings, Privacy & Security, Developer Mode, and restart the phone."),
)
"""Words in what xcodebuild says, and what helps then."""

Milliseconds = Annotated[float, Field(ge=0)]
Line = TypeVar("Line", bound=BaseModel)


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


class _End(BaseModel):
    """The line of SDKGEN-END."""

    model_config = ConfigDict(strict=True, frozen=True)

    measurements: int


class _Error(BaseModel):
    """The line of SDKGEN-ERROR."""

    model_config = ConfigDict(strict=True, frozen=True)

    message: str


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
    return devicectl.list_phones()


def run(
    phones: Sequence[Phone], sdk: Sdk, backends: Sequence[Backend], settings: Settings, store: Store, team: str
) -> tuple[str, list[Problem]]:
    """Measure on every phone, one after the other, and return the run's id and what went wrong.

    The app is built and installed once a phone. Every session is stored as soon as it is over. A phone on which one
    fails is left.
    """
    check_host()
    run_id = store.begin_run(settings)
    keeper = Keeper(store, run_id)
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory() as products:
        for phone in phones:
            app = _install(phone, sdk, team, Path(products))
            for number, backend in ((n, backend) for n in range(settings.sessions) for backend in backends):
                error = _session(phone, sdk, backend, settings, keeper, (run_id, number), app)
                if error is not None:
                    problems.append(Problem(phone.udid, f"{sdk.row()} on {backend}", error))
                    break
    keeper.close()
    return run_id, problems


def command(phone: Phone, team: str, products: Path) -> list[str]:
    """Return the command line that builds the sample app for a phone; it runs in the app's own folder."""
    made = ["xcodebuild", "build", "-scheme", APP, "-destination", f"platform=iOS,id={phone.udid}"]
    made += ["-configuration", "Release", "-derivedDataPath", str(products)]
    return [*made, *([f"DEVELOPMENT_TEAM={team}", "-allowProvisioningUpdates"] if team else [])]


def build(phone: Phone, sdk: Sdk, team: str, products: Path) -> Path:
    """Build the bundle's sample app for a phone below ``products``, and return the .app.

    Raises ``DeviceError`` if the bundle has none with a benchmark, or xcodebuild fails or makes no app.
    """
    folder = sdk.folder / "Examples" / f"{APP}.swiftpm"
    if not folder.is_dir() or not (sdk.folder / "Sources" / f"{sdk.name}Benchmark").is_dir():
        raise DeviceError(
            "the bundle has no app to measure",
            context=str(sdk.folder),
            hint="Build the bundle anew with this version of sdkgen.",
            reference="no-benchmark",
        )
    try:
        done = subprocess.run(
            command(phone, team, products), cwd=folder, capture_output=True, text=True, errors="replace", check=False,
            timeout=BUILD_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"xcodebuild gave no result within {error.timeout:g} s",
            context=phone.udid,
            hint=f"Build it in Xcode once, {folder}, to see what it waits for.",
            reference="build-hung",
        ) from error
    said = done.stdout + done.stderr
    if done.returncode != 0:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        errors = [line for line in lines if "error:" in line.lower()]
        hint = "Unlock the phone, check the cable, and that the development team may sign for it (--team)."
        for words, better in _BUILD_HINTS:
            if words.lower() in said.lower():
                hint, errors = better, [line for line in lines if words.lower() in line.lower()]
                break
        last = (errors or lines or ["no message"])[-1]
        raise DeviceError(f"xcodebuild failed: {last[:300]}", context=phone.udid, hint=hint, reference="sdk-failed")
    app = next(iter(sorted((products / "Build" / "Products").glob(f"*-iphoneos/{APP}.app"))), None)
    if app is None:
        raise DeviceError(
            f"xcodebuild made no {APP}.app",
            context=phone.udid,
            hint=f"Open {folder} in Xcode, choose the phone, and build it there to see why.",
            reference="sdk-failed",
        )
    return app


def parse(text: str, runs: int) -> list[tuple[str, Recording, str]]:
    """Return what each measurement timed, its recording, and the phone's system, from what the app printed.

    Raises ``DeviceError``: "sdk-failed" with the reason that the app gives, "runner-crashed" if it ended before its
    last line, "runner-garbage" for a line that is not what it prints, and for a measurement that comes twice.
    """
    found: dict[str, tuple[str, Recording, str]] = {}
    ends: list[int] = []
    for kind, line in _LINE.findall(text):
        if kind == _ERROR:
            raise DeviceError(
                f"the SDK failed: {_read(_Error, kind, line).message[:300]}",
                context="iphone",
                hint="Open the sample app in Xcode on this phone: it says the same, with what to do about it.",
                reference="sdk-failed",
            )
        if kind == _END:
            ends.append(_read(_End, kind, line).measurements)
            continue
        samples = _read(_Samples, kind, line)
        if samples.what in found:
            raise garbage(f"{samples.what!r} was measured twice")
        if len(samples.milliseconds) != runs:
            raise garbage(f"{len(samples.milliseconds)} samples where {runs} were expected")
        found[samples.what] = (samples.what, _recording(samples), samples.system)
    if not ends:
        raise DeviceError(
            f"the app ended after {len(found)} measurements, before its last line",
            context="iphone",
            hint="See the crash in Xcode, Window, Devices and Simulators, View Device Logs; keep the app in front.",
            reference="runner-crashed",
        )
    if ends != [len(found)] or not found:
        raise garbage(f"{len(found)} measurements where {ends} were announced")
    return list(found.values())


def _read(form: type[Line], kind: str, line: str) -> Line:
    try:
        return form.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        raise garbage(f"{'.'.join(map(str, first['loc'])) or kind}: {first['msg']}") from error


def _session(
    phone: Phone,
    sdk: Sdk,
    backend: Backend,
    settings: Settings,
    keeper: Keeper,
    at: tuple[str, int],
    app: str | SdkgenError,
) -> SdkgenError | None:
    """Start the app with the identifier ``app`` and store what it measured; an error is why there is no app."""
    began = time.monotonic()
    log, error, measured = "", None, []
    try:
        if isinstance(app, SdkgenError):
            raise app
        asked = {"SDKGEN_BENCHMARK": "1", "SDKGEN_FRAMES": str(settings.runs), "SDKGEN_UNITS": backend}
        log = devicectl.launch(phone, app, asked, settings.limit_seconds, (_END, _ERROR))
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
                transport="devicectl",
                runner=RUNNER,
                cell=cell,
                settings=settings,
                outcome=outcome,
                host_seconds=time.monotonic() - began,
            )
        )
    return error


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


def _install(phone: Phone, sdk: Sdk, team: str, products: Path) -> str | SdkgenError:
    """Build and install the app, and return its bundle identifier; or why that cannot be, for the session's record."""
    try:
        app = build(phone, sdk, team, products)
        devicectl.install(phone, app)
        return _identifier(app)
    except SdkgenError as error:
        return error


def _identifier(app: Path) -> str:
    """Return the bundle identifier of a built app. Raises ``DeviceError`` if it has none."""
    try:
        with (app / "Info.plist").open("rb") as file:
            identifier = plistlib.load(file)["CFBundleIdentifier"]
    except (OSError, plistlib.InvalidFileException, KeyError, ValueError) as error:
        raise DeviceError(
            f"{app.name} has no bundle identifier: {error!r}",
            context=str(app),
            hint="Build the sample app in Xcode once, to see what is wrong with it.",
            reference="sdk-failed",
        ) from error
    return str(identifier)
