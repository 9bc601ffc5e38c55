"""How a device is doing: battery, heat and clocks, read before and after every session."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict

from sdkgen.bench.devices.probe import ask, number, short
from sdkgen.bench.devices.transport.base import Transport

_CPUS = "/sys/devices/system/cpu/cpu[0-9]*"
_ZONES = "/sys/class/thermal/thermal_zone*"
_GPU_CLOCKS = (
    "/sys/class/kgsl/kgsl-3d0/gpuclk /sys/class/kgsl/kgsl-3d0/devfreq/cur_freq /sys/class/devfreq/*mali*/cur_freq"
)
_UNREADABLE = "-"

HOTTEST_BATTERY = 40.0
"""A session does not begin above this battery temperature, in degrees Celsius, while there is time to cool down."""


class Health(BaseModel):
    """A device's state at one moment. None is "unreadable": the device denied or lacks it. It never means zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    battery_level: int | None = None
    """Per cent."""
    battery_temperature: float | None = None
    """Degrees Celsius."""
    plugged: bool | None = None
    thermal_status: int | None = None
    """Android's scale: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown."""
    temperatures: dict[str, float] | None = None
    """Degrees Celsius by the name of the thermal zone; of zones that share a name, the hottest."""
    cpu_clocks: tuple[int | None, ...] | None = None
    """The current clock of each CPU in kHz."""
    cpu_maximum_clocks: tuple[int | None, ...] | None = None
    """The highest clock that each CPU may take at the moment, in kHz: heat lowers it, unlike the hardware's own."""
    cpu_governors: tuple[str | None, ...] | None = None
    gpu_clock: int | None = None
    """In Hz."""
    load: float | None = None
    """Processes running or waiting, averaged over the last minute."""


def read_health(transport: Transport) -> Health:
    """Read the device's state in one round trip. Raises what ``Transport.shell`` raises, nothing else."""
    said = ask(
        transport,
        {
            "battery": "dumpsys battery",
            "thermal": "dumpsys thermalservice",
            # Asked for after dumpsys, which leaves an emulated device's temperature where the nodes show it.
            "zones": _each(_ZONES, "type", "temp"),
            "cpus": _each(_CPUS, "cpufreq/scaling_cur_freq", "cpufreq/scaling_max_freq", "cpufreq/scaling_governor"),
            "gpu": f"for file in {_GPU_CLOCKS}; do [ -r $file ] && cat $file && exit; done; exit 1",
            "load": "cut -d' ' -f1 /proc/loadavg",
        },
    )
    battery = dict(re.findall(r"^\s*([A-Za-z ]+): (\S+)\s*$", said["battery"] or "", re.MULTILINE))
    powered = [value for key, value in battery.items() if key.endswith(" powered")]
    tenths = number(battery.get("temperature"))
    status = re.search(r"^\s*Thermal Status: ([0-9]{1,3})\s*$", said["thermal"] or "", re.MULTILINE)
    cpus = _rows(said["cpus"], 3)
    return Health(
        battery_level=number(battery.get("level")),
        battery_temperature=None if tenths is None else tenths / 10,
        plugged="true" in powered if powered else None,
        thermal_status=int(status[1]) if status else None,
        temperatures=_temperatures(_rows(said["zones"], 2)),
        cpu_clocks=tuple(number(row[0]) for row in cpus) or None,
        cpu_maximum_clocks=tuple(number(row[1]) for row in cpus) or None,
        cpu_governors=tuple(short(row[2]) for row in cpus) or None,
        gpu_clock=number(said["gpu"]),
        load=_decimal(said["load"]),
    )


def hot(health: Health) -> bool:
    """Return whether the device says that it is too warm to be measured."""
    return (health.thermal_status or 0) > 0 or (health.battery_temperature or 0.0) > HOTTEST_BATTERY


def _each(folders: str, *nodes: str) -> str:
    """Return the command that prints the ``nodes`` of each folder, a tab between them, a folder a line."""
    # The shell's own read starts no process a node: a phone has dozens of them.
    print_all = "; ".join(
        f'value=; {{ read -r value < "$at/{node}"; }} 2>/dev/null; printf "%s\\t" "${{value:-{_UNREADABLE}}}"'
        for node in nodes
    )
    return f'for at in {folders}; do [ -d "$at" ] || continue; {print_all}; echo; done'


def _rows(answer: str | None, count: int) -> list[list[str | None]]:
    rows = [line.split("\t") for line in (answer or "").splitlines()]
    return [[None if cell == _UNREADABLE else cell for cell in row[:count]] for row in rows if len(row) > count]


def _temperatures(rows: list[list[str | None]]) -> dict[str, float] | None:
    """Return degrees by zone from rows of type and temperature; phones give milli-degrees, a few older ones degrees."""
    found: dict[str, float] = {}
    for name, value in rows:
        raw = number(value)
        if raw is None or (zone := short(name)) is None:
            continue
        degrees = raw / 1000 if abs(raw) >= 1000 else float(raw)
        # A sensor that is switched off reports absolute zero or nonsense.
        if -40 < degrees < 200:
            found[zone] = max(degrees, found.get(zone, degrees))
    return found or None


def _decimal(answer: str | None) -> float | None:
    text = (answer or "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) else None
