"""iPhones: found and measured through coremltools' device benchmarking, on a Mac with Xcode.

There is no shell on an iPhone. coremltools builds and signs a small app, starts it on the phone, and has it load and
run the model; the times are taken there. One session here is: loads, the first prediction, warm-up, timed predictions,
and last, which processor every operation ran on. The API is experimental; it is version 9's.
"""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from sdkgen.bench.devices.identity import Identity, hash_serial
from sdkgen.bench.errors import DeviceError, DeviceGone, DeviceUnauthorized
from sdkgen.errors import MissingExtraError, UsageError

Units: TypeAlias = Literal["cpu", "gpu", "ane", "all"]
"""What a model may run on beside the CPU, which takes what the others do not: nothing, GPU, Neural Engine, or both."""

_COMPUTE_UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ane": "CPU_AND_NE", "all": "ALL"}
_PROCESSORS = {"MLCPUComputeDevice": "cpu", "MLGPUComputeDevice": "gpu", "MLNeuralEngineComputeDevice": "ane"}


@dataclass(frozen=True)
class IPhone:
    """An iPhone that is connected; ``handle`` is coremltools' own."""

    identity: Identity
    handle: Any


@dataclass(frozen=True)
class Timings:
    """What one session measured on the phone, in milliseconds and in order. Nothing is left out."""

    loads: tuple[float, ...]
    """The first is cold; later ones find what the system has compiled and cached."""
    first: float
    warmup: tuple[float, ...]
    runs: tuple[float, ...]
    operations: dict[str, int]
    """How many operations ran on each of cpu, gpu and ane; "unknown" where the system does not tell."""


def iphones() -> list[IPhone]:
    """Return the iPhones that are connected to this Mac.

    Raises ``DeviceError`` anywhere but on a Mac, or if Xcode's tools fail; ``MissingExtraError`` without coremltools.
    """
    remote = _coremltools()[1]
    try:
        found = remote.Device.get_connected_devices(remote.DeviceType.IPHONE)
    except Exception as error:
        # Whatever xcrun has to say: coremltools passes it on in several types.
        raise DeviceError(
            f"Xcode's devicectl failed: {error}",
            context="iphone",
            hint="Install Xcode 15 or later, open it once, and run: sudo xcode-select --switch /Applications/Xcode.app",
            reference="no-xcode",
        ) from error
    return [IPhone(_identity(device), device) for device in found]


def connected_iphones() -> list[IPhone]:
    """Return what ``iphones`` does; raises ``UsageError`` if that is none."""
    phones = iphones()
    if not phones:
        raise UsageError("no iPhone is connected", hint="Connect one, unlock it, and trust this Mac.")
    return phones


def measure(
    iphone: IPhone,
    model: Path,
    units: Units,
    *,
    team: str,
    loads: int = 2,
    warmup: int = 20,
    runs: int = 200,
) -> Timings:
    """Run ``model`` (an .mlpackage) on the phone and return what it took.

    ``team`` is the Apple development team that signs the app. The phone must be unlocked and in developer mode. Raises
    ``DeviceUnauthorized`` if it is not in developer mode, ``DeviceGone`` if it is not connected any more, and
    ``DeviceError`` for what else coremltools reports.
    """
    if iphone.handle.developer_mode_state not in ("enabled", None, ""):
        raise DeviceUnauthorized(
            f"developer mode is {iphone.handle.developer_mode_state}",
            context=iphone.identity.device or "iphone",
            hint="Switch it on in Settings, Privacy & Security, Developer Mode, and restart the phone.",
        )
    try:
        return asyncio.run(_session(iphone.handle, model, units, team, loads, warmup, runs))
    except Exception as error:
        gone = isinstance(error, ConnectionError) or "state must be connected" in str(error).lower()
        kind = DeviceGone if gone else DeviceError
        raise kind(
            f"measuring on the iPhone failed: {error}",
            context=f"{iphone.identity.device or 'iphone'}, {model.name}, {units}",
            hint="Unlock the phone, keep it unlocked, check the cable, and that the development team may sign for it.",
        ) from error


async def _session(device: Any, model: Path, units: Units, team: str, loads: int, warmup: int, runs: int) -> Timings:
    coremltools, remote, performance = _coremltools()
    credentials = remote.AppSigningCredentials(development_team=team)
    prepared = await device.prepare_for_model_debugging(credentials=credentials)
    compute_unit = getattr(coremltools.ComputeUnit, _COMPUTE_UNITS[units])
    package = coremltools.models.MLModel(str(model), compute_units=compute_unit, skip_model_load=True)
    bench = performance.MLModelBenchmarker(package, device=prepared)
    inputs = _inputs(package.get_spec().description)

    async def predict(count: int) -> tuple[float, ...]:
        # coremltools' own warm-up is a single run and thrown away: warm-up runs are timed and kept here.
        return tuple((await bench.benchmark_predict(inputs=inputs, iterations=count, warmup=False)).samples)

    loaded = tuple((await bench.benchmark_load(iterations=loads)).samples)
    first = (await predict(1))[0]
    warm = await predict(warmup) if warmup else ()
    timed = await predict(runs)
    operations = await bench.benchmark_operation_execution(inputs=inputs, iterations=1)
    return Timings(loaded, first, warm, timed, dict(Counter(_processor(one) for one in operations)))


def _processor(operation: Any) -> str:
    usage = operation.compute_device_usage
    if usage is None:
        return "unknown"
    return _PROCESSORS.get(type(usage.preferred_compute_device).__name__, "unknown")


def _inputs(description: Any) -> dict[str, Any]:
    """Return an input of noise for every input of the model; coremltools makes none for images."""
    random = np.random.default_rng(0)
    inputs: dict[str, Any] = {}
    for feature in description.input:
        if feature.type.WhichOneof("Type") == "imageType":
            from PIL import Image

            shape = (feature.type.imageType.height, feature.type.imageType.width, 3)
            inputs[feature.name] = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
        else:
            inputs[feature.name] = random.random(tuple(feature.type.multiArrayType.shape), dtype=np.float32)
    return inputs


def _identity(device: Any) -> Identity:
    return Identity(
        serial_hash=hash_serial(device.udid),
        manufacturer="Apple",
        model=getattr(device, "product_type", None) or "iPhone",
        device=device.name,
        abi="arm64",
        os=f"iOS {device.os_version} ({device.os_build_number})",
    )


def _coremltools() -> tuple[Any, Any, Any]:
    """Return coremltools, and its modules for devices and for benchmarks."""
    if platform.system() != "Darwin":
        raise DeviceError(
            f"iPhones can only be measured from a Mac; this is {platform.system()}",
            context="iphone",
            hint="Run this on a Mac with Xcode, with the iPhone connected and unlocked.",
            reference="iphone-needs-mac",
        )
    try:
        import coremltools
        from coremltools.models.ml_program.experimental import perf_utils, remote_device
    except ImportError as error:
        raise MissingExtraError("coremltools") from error
    return coremltools, remote_device, perf_utils
