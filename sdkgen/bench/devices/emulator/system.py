"""What an emulated device's recipe puts into it: programs, properties, and the nodes in /sys."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sdkgen import resources
from sdkgen.spec.device import Recipe


def programs() -> Path:
    """Return the folder with the programs that stand in for Android's, and ``boot``."""
    return resources.path("devices") / "emulated" / "system"


def install(recipe: Recipe, serial_number: str, target: Path) -> None:
    """Put the device's own files below ``target``, which lies over the Debian root, in place of those there."""
    cpus = os.cpu_count() or 1
    for place in ("system", "sys"):
        shutil.rmtree(target / place, ignore_errors=True)
    shutil.copytree(programs() / "bin", target / "system" / "bin")
    for program in (target / "system" / "bin").iterdir():
        program.chmod(0o755)
    (target / "system" / "bin" / "sh").symlink_to("/bin/sh")
    _write(target / "system" / "etc" / "properties", properties(recipe, serial_number))
    _write(target / "system" / "etc" / "emulated", behaviour(recipe, cpus))
    _write(target / "sys", nodes(recipe, cpus))
    for place in ("data", "proc", "dev"):
        (target / place).mkdir(exist_ok=True)


def properties(recipe: Recipe, serial_number: str) -> dict[str, str]:
    """Return the device's properties by name."""
    who = recipe.identity
    name = who.device
    return {
        "ro.product.manufacturer": who.manufacturer,
        "ro.product.model": who.model,
        "ro.product.device": name,
        "ro.product.cpu.abi": recipe.abi,
        "ro.product.cpu.abilist": recipe.abi,
        "ro.soc.manufacturer": who.soc_manufacturer,
        "ro.soc.model": who.soc_model,
        "ro.board.platform": who.board,
        "ro.hardware.egl": "mesa" if recipe.gpu.kind != "none" else "",
        "ro.hardware.vulkan": "lvp" if recipe.gpu.kind != "none" else "",
        "ro.build.version.release": who.release,
        "ro.build.version.sdk": str(who.sdk),
        "ro.build.version.security_patch": who.security_patch,
        "ro.build.fingerprint": f"{who.manufacturer}/{name}/{name}:{who.release}/emulated/1:userdebug/test-keys",
        "ro.build.type": "userdebug",
        "ro.serialno": serial_number,
        "ro.sdkgen.emulated": "1",
        **recipe.properties,
    }


def behaviour(recipe: Recipe, cpus: int) -> dict[str, str]:
    """Return what the stand-ins for dumpsys and cmd read, by file name; a line each."""
    battery, thermal = recipe.battery, recipe.thermal
    values = {
        "battery.level": str(battery.level),
        "battery.temp": str(round(battery.temperature * 10)),
        "battery.plugged": str(int(battery.plugged)),
        "battery.drain": str(round(battery.drain_per_hour * 1000)),
        "thermal.idle": str(thermal.idle),
        "thermal.busy": str(thermal.busy),
        "thermal.seconds": str(thermal.seconds),
        "thermal.limits": " ".join(map(str, thermal.limits)),
        "thermal.zones": " ".join(thermal.zones),
        "thermal.last": "",
        "cpus": str(cpus),
        "cpu.clock": str(recipe.cpu.maximum_clock),
        "gpu.kind": recipe.gpu.kind,
        "gpu.gles": recipe.gpu.gles,
    }
    return {name: f"{value}\n" for name, value in values.items()}


def nodes(recipe: Recipe, cpus: int) -> dict[str, str]:
    """Return the content of the nodes below /sys by path, for a host with ``cpus`` processors."""
    every = f"0-{cpus - 1}\n" if cpus > 1 else "0\n"
    found = {f"devices/system/cpu/{name}": every for name in ("possible", "present", "online")}
    for cpu in range(cpus):
        clock = f"{recipe.cpu.maximum_clock}\n"
        found[f"devices/system/cpu/cpu{cpu}/cpufreq/cpuinfo_max_freq"] = clock
        found[f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_max_freq"] = clock
        found[f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"] = clock
        found[f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"] = f"{recipe.cpu.governor}\n"
    for number, zone in enumerate(recipe.thermal.zones):
        found[f"class/thermal/thermal_zone{number}/type"] = f"{zone}\n"
        found[f"class/thermal/thermal_zone{number}/temp"] = f"{round(recipe.thermal.idle * 1000)}\n"
    if recipe.gpu.clock is not None:
        found["class/devfreq/emulated.mali/cur_freq"] = f"{recipe.gpu.clock}\n"
    return found


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
