"""iPhones, against a stand-in that is held to the signatures of coremltools' own API."""

from __future__ import annotations

import inspect
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sdkgen.bench.devices import iphone
from sdkgen.bench.devices.identity import hash_serial
from sdkgen.bench.errors import DeviceError, DeviceGone, DeviceUnauthorized
from sdkgen.errors import MissingExtraError
from tests.conftest import Run

MODEL = Path("front.mlpackage")


class MLGPUComputeDevice: ...


class MLCPUComputeDevice: ...


class FakeDevice:
    name, udid, os_version, os_build_number = "Anna’s iPhone", "00008110-000A1C", "18.1", "22B83"
    developer_mode_state = "enabled"

    def __init__(self) -> None:
        self.prepared_for: str | None = None
        self.failure: Exception | None = None

    async def prepare_for_model_debugging(
        self, credentials: Any = None, working_directory: Any = None, clean: bool = False
    ) -> FakeDevice:
        assert not clean
        assert working_directory is None
        if self.failure:
            raise self.failure
        self.prepared_for = credentials.development_team
        return self


class FakeBenchmarker:
    calls: list[tuple[str, int]]

    def __init__(self, model: Any, device: Any = None) -> None:
        assert device.prepared_for == "TEAM1"
        self.model, self._clock = model, 0.0
        FakeBenchmarker.calls = []

    async def benchmark_load(self, iterations: int = 1) -> Any:
        return self._measured("load", iterations)

    async def benchmark_predict(self, inputs: Any = None, iterations: int = 1, warmup: bool = False) -> Any:
        assert not warmup
        assert inputs["image"].size == (128, 128)
        assert inputs["array"].shape == (1, 3, 4)
        return self._measured("predict", iterations)

    async def benchmark_operation_execution(self, inputs: Any = None, iterations: int = 1, warmup: bool = False) -> Any:
        assert inputs is not None
        assert not warmup
        assert iterations == 1
        usages = [MLGPUComputeDevice(), MLGPUComputeDevice(), MLCPUComputeDevice(), None]
        return [
            SimpleNamespace(compute_device_usage=used and SimpleNamespace(preferred_compute_device=used))
            for used in usages
        ]

    def _measured(self, what: str, count: int) -> Any:
        FakeBenchmarker.calls.append((what, count))
        samples = [self._clock + i for i in range(count)]
        self._clock += count
        return SimpleNamespace(samples=samples)


class FakeModel:
    units: str

    def __init__(self, path: str, compute_units: str, skip_model_load: bool) -> None:
        assert path == str(MODEL)
        assert skip_model_load
        FakeModel.units = compute_units

    def get_spec(self) -> Any:
        def feature(name: str, kind: str, **described: Any) -> Any:
            return SimpleNamespace(name=name, type=SimpleNamespace(WhichOneof=lambda _: kind, **described))

        image = feature("image", "imageType", imageType=SimpleNamespace(width=128, height=128))
        array = feature("array", "multiArrayType", multiArrayType=SimpleNamespace(shape=[1, 3, 4]))
        return SimpleNamespace(description=SimpleNamespace(input=[image, array]))


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    device = FakeDevice()
    units = SimpleNamespace(CPU_ONLY="CPU_ONLY", CPU_AND_GPU="CPU_AND_GPU", CPU_AND_NE="CPU_AND_NE", ALL="ALL")
    coremltools = SimpleNamespace(ComputeUnit=units, models=SimpleNamespace(MLModel=FakeModel))
    remote = SimpleNamespace(
        Device=SimpleNamespace(get_connected_devices=lambda kind: [device] if kind == "iphone" else []),
        DeviceType=SimpleNamespace(IPHONE="iphone"),
        AppSigningCredentials=lambda development_team: SimpleNamespace(development_team=development_team),
    )
    performance = SimpleNamespace(MLModelBenchmarker=FakeBenchmarker)
    monkeypatch.setattr(iphone, "_coremltools", lambda: (coremltools, remote, performance))
    return device


@pytest.mark.usefixtures("phone")
def test_a_session_keeps_every_sample_apart() -> None:
    (one,) = iphone.iphones()
    timings = iphone.measure(one, MODEL, "gpu", team="TEAM1", loads=2, warmup=3, runs=4)
    assert timings.loads == (0.0, 1.0)
    assert timings.first == 2.0
    assert timings.warmup == (3.0, 4.0, 5.0)
    assert timings.runs == (6.0, 7.0, 8.0, 9.0)
    assert timings.operations == {"gpu": 2, "cpu": 1, "unknown": 1}
    assert FakeBenchmarker.calls == [("load", 2), ("predict", 1), ("predict", 3), ("predict", 4)]
    assert FakeModel.units == "CPU_AND_GPU"


@pytest.mark.usefixtures("phone")
@pytest.mark.parametrize(("units", "expected"), [("cpu", "CPU_ONLY"), ("ane", "CPU_AND_NE"), ("all", "ALL")])
def test_compute_units(units: iphone.Units, expected: str) -> None:
    (one,) = iphone.iphones()
    iphone.measure(one, MODEL, units, team="TEAM1", warmup=0, runs=1)
    assert FakeModel.units == expected


@pytest.mark.usefixtures("phone")
def test_identity() -> None:
    who = iphone.iphones()[0].identity
    assert (who.manufacturer, who.os) == ("Apple", "iOS 18.1 (22B83)")
    assert who.serial_hash == hash_serial(FakeDevice.udid)
    assert FakeDevice.udid not in who.model_dump_json()


def test_developer_mode_is_asked_for(phone: FakeDevice) -> None:
    phone.developer_mode_state = "disabled"
    with pytest.raises(DeviceUnauthorized, match="developer mode is disabled") as caught:
        iphone.measure(iphone.iphones()[0], MODEL, "gpu", team="TEAM1")
    assert "Developer Mode" in caught.value.hint


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ValueError("Current state: x. Required: State must be CONNECTED."), DeviceGone),
        (ConnectionResetError("tunnel closed"), DeviceGone),
        (ValueError("xcodebuild failed: No signing certificate"), DeviceError),
    ],
)
def test_what_coremltools_reports_names_phone_model_and_units(
    phone: FakeDevice, failure: Exception, kind: type[DeviceError]
) -> None:
    phone.failure = failure
    with pytest.raises(DeviceError) as caught:
        iphone.measure(iphone.iphones()[0], MODEL, "gpu", team="TEAM1")
    assert type(caught.value) is kind
    assert caught.value.context == "Anna’s iPhone, front.mlpackage, gpu"
    assert "Unlock" in caught.value.hint


@pytest.mark.skipif(platform.system() == "Darwin", reason="a Mac has the real thing")
def test_elsewhere_a_clear_error(run: Run) -> None:
    with pytest.raises(DeviceError, match="from a Mac") as caught:
        iphone.iphones()
    assert caught.value.reference == "iphone-needs-mac"
    answer = run("devices", "--iphones")
    assert answer.returncode == 1
    assert "iphone-needs-mac" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_mac_without_coremltools_or_xcode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setitem(__import__("sys").modules, "coremltools", None)
    with pytest.raises(MissingExtraError, match="coremltools"):
        iphone.iphones()

    def no_xcode(_: object) -> None:
        raise ValueError("xcrun: error: unable to find utility devicectl")

    remote = SimpleNamespace(
        Device=SimpleNamespace(get_connected_devices=no_xcode), DeviceType=SimpleNamespace(IPHONE=1)
    )
    monkeypatch.setattr(iphone, "_coremltools", lambda: (None, remote, None))
    with pytest.raises(DeviceError, match="devicectl") as caught:
        iphone.iphones()
    assert caught.value.reference == "no-xcode"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_stand_in_has_the_signatures_of_the_real_api() -> None:
    pytest.importorskip("coremltools")
    from coremltools.models.ml_program.experimental import perf_utils, remote_device

    def parameters(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    real = perf_utils.MLModelBenchmarker
    for name in ("__init__", "benchmark_load", "benchmark_predict", "benchmark_operation_execution"):
        assert parameters(getattr(FakeBenchmarker, name)) == parameters(getattr(real, name))
    prepare = remote_device.Device.prepare_for_model_debugging
    assert parameters(FakeDevice.prepare_for_model_debugging) == parameters(prepare)
    assert {"name", "udid", "os_version", "os_build_number", "developer_mode_state"} <= set(
        remote_device.Device.__dataclass_fields__
    )
    assert remote_device.DeviceType.IPHONE
    assert parameters(remote_device.Device.get_connected_devices) == ["device_type"]
    assert "development_team" in remote_device.AppSigningCredentials.__dataclass_fields__
