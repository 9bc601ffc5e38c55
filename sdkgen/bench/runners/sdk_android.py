"""The benchmark of an Android SDK: an instrumentation on the device, started by ``am instrument``.

It comes in the bundle (benchmark/), is built with Gradle, and times ``FaceDetector.detect`` from a camera's frame to
faces, or ``FaceTracker.track`` while a face stays in sight. ``am instrument -r`` prints its result as a key ``json``.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import OnDevice, Place, System
from sdkgen.bench.runners.sdk import STEADY, Sdk, build_command, check_apk
from sdkgen.bench.samples import End, First, Header, Init, Placement, Recording, back_to_back, garbage

_INSTRUMENTATION = ".BenchmarkInstrumentation"
_INSTALL_SECONDS = 180
_OK = "-1"
"""Android's Activity.RESULT_OK."""

_RESULT = re.compile(r"^INSTRUMENTATION_RESULT: ([A-Za-z]+)=(.*)$", re.MULTILINE)
_CODE = re.compile(r"^INSTRUMENTATION_CODE: (-?\d+)\s*$", re.MULTILINE)
_STATUS_ERROR = re.compile(r"^INSTRUMENTATION_STATUS: Error=(.*)$", re.MULTILINE)

Milliseconds = Annotated[float, Field(ge=0)]


class _Result(BaseModel):
    """What the instrumentation returns under the key ``json``."""

    model_config = ConfigDict(strict=True, frozen=True)

    schema_version: Literal[1] = Field(alias="schema")
    what: Literal["detect", "track"] = "detect"
    requested: str
    backend: Literal["GPU", "CPU"]
    precision: str
    reason: str
    startup_ms: Milliseconds
    create_ms: Milliseconds
    first_inference_ms: Milliseconds
    samples_ns: list[Annotated[int, Field(ge=0)]]


@dataclass(frozen=True)
class SdkRunner:
    """A ``Runner`` that is the SDK's own benchmark; ``apk`` is installed first, where it is given."""

    sdk: Sdk
    apk: Path | None = None
    name: str = "sdk"
    prints: bool = True

    @property
    def package(self) -> str:
        """The package of the benchmark's app."""
        return f"{self.sdk.package}.benchmark"

    @property
    def end(self) -> str:
        """See ``Runner.end``: the app is no child of ``am``."""
        return f"am force-stop {shlex.quote(self.package)}"

    def files(self, system: System, abi: str) -> Mapping[str, Path]:  # noqa: ARG002
        """See ``Runner.files``: the app holds everything."""
        return {}

    def inputs(self, cell: Cell) -> tuple[Path, ...]:  # noqa: ARG002
        """See ``Runner.inputs``: the app holds everything."""
        return ()

    def prepare(self, device: OnDevice) -> None:
        """See ``Runner.prepare``. Installs the app where an APK is given, and sees that it holds the bundle's models.

        Raises ``DeviceError`` if it is not installed, cannot be, or was built from something else.
        """
        if self.apk is not None:
            check_apk(self.sdk, self.apk, str(self.apk))
            self._install(device, self.apk)
            return
        said = device.shell(f"pm path {shlex.quote(self.package)}").text
        paths = [line.removeprefix("package:") for line in said.splitlines() if line.startswith("package:")]
        if not paths:
            raise self._not_installed(device.transport.serial)
        with tempfile.TemporaryDirectory(prefix="sdkgen-") as scratch:
            copy = Path(scratch) / "base.apk"
            device.again(lambda: device.transport.pull(paths[0], copy))
            check_apk(self.sdk, copy, f"{device.transport.serial}: {self.package}")

    def command(self, cell: Cell, settings: Settings, place: Place, program: str) -> str:  # noqa: ARG002
        """See ``Runner.command``. The app's data is cleared, so that every session starts without compiled kernels."""
        arguments = {
            "iterations": settings.runs,
            "warmup_ms": round(settings.warmup_seconds * 1000),
            "backend": cell.backend.upper(),
            "precision": cell.precision.upper(),
            **({"what": "track"} if self._tracked(cell) else {}),
        }
        given = [str(part) for name, value in arguments.items() for part in ("-e", name, value)]
        start = shlex.join(["am", "instrument", "-w", "-r", *given, f"{self.package}/{_INSTRUMENTATION}"])
        # am's exit code tells little, and what it prints everything.
        script = f"pm clear {shlex.quote(self.package)} >/dev/null; {start}; code=$?; [ $code -gt 1 ] && exit $code; :"
        return shlex.join(["sh", "-c", script])

    def read(self, out: bytes, console: bytes, cell: Cell, settings: Settings) -> Recording:  # noqa: ARG002
        """See ``Runner.read``; raises ``DeviceError`` for what the instrumentation reports instead of figures."""
        text = console.decode(errors="replace").replace("\r\n", "\n")
        results = _RESULT.findall(text)
        values = dict(results)
        if "json" not in values:
            raise self._failure(text, values)
        codes = _CODE.findall(text)
        if codes != [_OK] or len(values) != len(results):
            raise garbage(f"instrumentation codes {codes or 'none'} where one of {_OK} was expected")
        try:
            result = _Result.model_validate_json(values["json"])
        except ValidationError as error:
            first = error.errors()[0]
            raise garbage(f"{'.'.join(map(str, first['loc'])) or 'json'}: {first['msg']}") from error
        if (result.what == "track") != self._tracked(cell):
            raise DeviceError(
                f"the benchmark timed another thing than it was asked for: {result.what}",
                context=cell.name,
                hint=f"Build it anew: {build_command(self.sdk, 'installDebug')}.",
                reference="another-sdk",
            )
        if len(result.samples_ns) != settings.runs:
            raise garbage(f"{len(result.samples_ns)} samples where {settings.runs} were expected")
        if result.backend.lower() != cell.backend:
            raise DeviceError(
                f"the SDK ran on the {result.backend}: {result.reason[:200]}",
                hint="Measure with --backend cpu, or look at `sdkgen devices` for the GPU and its driver.",
                reference="backend-unavailable",
            )
        return _recording(result, cell, settings)

    def _tracked(self, cell: Cell) -> bool:
        return cell.model == self.sdk.row(STEADY)

    def _install(self, device: OnDevice, apk: Path) -> None:
        target = f"{device.root}/benchmark.apk"
        device.again(lambda: device.transport.push(apk, target))
        place = shlex.quote(target)
        done = device.shell(f"pm install -r -t {place} 2>&1; code=$?; rm -f {place}; exit $code", _INSTALL_SECONDS)
        if done.exit_code or "Success" not in done.text.splitlines():
            raise DeviceError(
                f"the benchmark cannot be installed: {done.text[-300:]}",
                context=device.transport.serial,
                hint=f"Allow installing over USB on the device, or remove the old one: pm uninstall {self.package}.",
                reference="not-installable",
            )

    def _not_installed(self, serial: str) -> DeviceError:
        return DeviceError(
            f"the SDK's benchmark, {self.package}, is not installed",
            context=serial,
            hint=f"Install it: {build_command(self.sdk, 'installDebug')}; or build it ({build_command(self.sdk)}) and "
            "give --apk benchmark/build/outputs/apk/debug/benchmark-debug.apk.",
            reference="benchmark-not-installed",
        )

    def _failure(self, text: str, values: Mapping[str, str]) -> DeviceError:
        """Return the error for an instrumentation that brought no figures."""
        if "error" in values:
            gpu = "BackendException" in values["error"]
            return DeviceError(
                f"the SDK failed: {values['error'][:300]}",
                hint="Try the other backend, and look at the device's log (adb logcat).",
                reference="backend-unavailable" if gpu else "sdk-failed",
            )
        if "shortMsg" in values:
            more = values.get("longMsg", "")
            return DeviceError(
                f"the SDK's benchmark ended early: {values['shortMsg'][:100]} {more[:200]}".rstrip(),
                hint="Look at the device's log (adb logcat -b crash).",
                reference="runner-crashed",
            )
        told = _STATUS_ERROR.search(text)
        if told is not None and "Unable to find instrumentation" in told[1]:
            return self._not_installed("")
        last = text.strip().splitlines()[-1:] or ["nothing"]
        return garbage(f"no result; it said: {(told[1] if told else last[0])[:200]!r}")


def _recording(result: _Result, cell: Cell, settings: Settings) -> Recording:
    """Return the result as a recording. A time is a whole frame: preprocessing, inference, postprocessing."""
    times = result.samples_ns
    return Recording(
        header=Header(
            runner="sdk",
            abi="",
            pid=0,
            started_unix=0,
            clock="System.nanoTime",
            resolution_ns=0,
            backend=cell.backend,
            precision=result.precision.lower(),
            threads=cell.threads,
            runs=len(times),
            warmup_seconds=settings.warmup_seconds,
            drift=0.0,
            paced=0.0,
        ),
        init=Init(load_ns=None, cold_ns=round(result.create_ms * 1e6), warm_ns=None),
        placement=Placement(
            backend=cell.backend, accelerator=f"SDK: {result.reason}"[:300], ops=-1, delegated=-1, full=True
        ),
        first=First(run_ns=None, total_ns=round(result.first_inference_ms * 1e6)),
        samples=back_to_back(times),
        end=End(runs=len(times), peak_kib=-1),
    )
