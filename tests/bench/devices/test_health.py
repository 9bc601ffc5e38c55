"""How a device is doing: phones as they answer, and nodes that are denied."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.bench.devices import health
from sdkgen.bench.devices.health import Health, read_health
from tests.bench.pretend import Pretend, says

BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Max charging current: 500000
  level: 74
  scale: 100
  temperature: 283
  technology: Li-ion
"""
THERMAL = "IsStatusOverride: false\nThermal Status: 2\nCached temperatures:\n\tTemperature{mValue=37.1, mName=SKIN}\n"


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the nodes of /sys looked for in a folder of the test's."""
    for name in ("_CPUS", "_ZONES", "_GPU_CLOCKS"):
        monkeypatch.setattr(health, name, getattr(health, name).replace("/sys/", f"{tmp_path}/"))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_phone(nodes: Path) -> None:
    for cpu, (clock, highest) in enumerate([(1_800_000, 1_800_000), (576_000, 2_800_000)]):
        at = nodes / f"devices/system/cpu/cpu{cpu}/cpufreq"
        write(at / "scaling_cur_freq", f"{clock}\n")
        write(at / "cpuinfo_max_freq", "3000000\n")
        write(at / "scaling_max_freq", f"{highest}\n")
        write(at / "scaling_governor", "walt\n")
    for zone, (name, value) in enumerate(
        [("cpu-0", "41200"), ("cpu-0", "45000"), ("battery", "28"), ("off", "-273000")]
    ):
        write(nodes / f"class/thermal/thermal_zone{zone}/type", f"{name}\n")
        write(nodes / f"class/thermal/thermal_zone{zone}/temp", f"{value}\n")
    write(nodes / "class/kgsl/kgsl-3d0/gpuclk", "587000000\n")
    phone = Pretend(dumpsys=says(battery=BATTERY, thermalservice=THERMAL))
    state = read_health(phone)
    assert phone.calls == 1
    assert (state.battery_level, state.battery_temperature, state.plugged, state.thermal_status) == (74, 28.3, True, 2)
    assert state.cpu_clocks == (1_800_000, 576_000)
    assert state.cpu_maximum_clocks == (1_800_000, 2_800_000)
    assert state.cpu_governors == ("walt", "walt")
    assert state.temperatures == {"cpu-0": 45.0, "battery": 28.0}
    assert state.gpu_clock == 587_000_000
    assert state.load is not None


def test_what_is_denied_is_unreadable_and_never_zero(nodes: Path) -> None:
    at = nodes / "devices/system/cpu/cpu0/cpufreq"
    write(at / "scaling_cur_freq", "")
    write(at / "scaling_max_freq", "2800000\n")
    write(nodes / "class/thermal/thermal_zone0/type", "skin\n")
    # A folder where a node should be cannot be read, whoever tries.
    (nodes / "class/thermal/thermal_zone0/temp").mkdir()
    (nodes / "class/kgsl/kgsl-3d0/gpuclk").mkdir(parents=True)
    state = read_health(Pretend(dumpsys="echo Permission denied; return 1"))
    assert state == Health(cpu_clocks=(None,), cpu_maximum_clocks=(2_800_000,), cpu_governors=(None,), load=state.load)


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    "battery",
    [
        "level: lots\ntemperature: warm\n",
        "level: 1e9\n",
        "level: ٣\n",
        "level: 99999999999999999999999\n",
        "\x1b[2Jlevel\n",
        "",
    ],
)
def test_nonsense_is_unreadable(battery: str) -> None:
    state = read_health(Pretend(dumpsys=says(battery=battery, thermalservice="Thermal Status: hot\n")))
    assert state == Health(load=state.load)
