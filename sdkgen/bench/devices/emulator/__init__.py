"""Emulated devices: Debian roots with Android's own adbd, each in namespaces of its own, with a port of its own.

What runs in one is real (the daemon, its protocol, the processes, a /data that can be full); what it says about itself
(model, battery, heat) comes from its recipe. See docs/emulator.md.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from sdkgen import console
from sdkgen.bench.devices.emulator import root, store, system
from sdkgen.bench.devices.emulator.store import Device
from sdkgen.bench.devices.locks import locked
from sdkgen.bench.devices.transport.server import Server
from sdkgen.bench.errors import DeviceError, EmulatorError
from sdkgen.errors import UsageError
from sdkgen.files import whole_folder
from sdkgen.spec.device import load_recipe, recipe_names

__all__ = ["Device", "create", "delete", "start", "stop"]

FIRST_PORT, LAST_PORT = 6500, 6999
"""adb servers look for Android's own emulator at 5555 to 5585, and would list a device there twice."""

_BOOT_SECONDS = {"amd64": 30, "arm64": 90}


def create(name: str, recipe: str | None = None) -> Device:
    """Make the emulated device ``name`` after ``recipe`` (by default, the recipe of that name), without starting it.

    Makes the Debian root it stands on if need be, which takes up to a few minutes and needs Debian's mirror. Raises
    ``UsageError`` for an unknown recipe or a name that is taken, ``EmulatorError`` where something is missing.
    """
    folder = store.folder_for(name)
    made_after = load_recipe(recipe or name)
    if (folder / "recipe").exists():
        raise UsageError(
            f"there is an emulated device {name!r} already",
            hint=f"Start it: sdkgen emulator start {name}, or choose another name.",
            reference="emulator-exists",
        )
    root.base(made_after)
    with whole_folder(folder) as work:
        for place in ("upper", "work", "root"):
            (work / place).mkdir()
        (work / "recipe").write_text(made_after.name)
    return Device(name, folder)


def start(name: str) -> Device:
    """Start the emulated device ``name`` and return when adb finds it; one that runs already is left as it is.

    A device that has the name of a recipe is created first. Raises ``EmulatorError`` if it does not start.
    """
    if name in recipe_names() and not (store.folder_for(name) / "recipe").exists():
        create(name)
    device = store.find(name)
    with _held(device):
        if device.process is None:
            _boot(device)
    return device


def stop(name: str) -> Device:
    """Switch the emulated device ``name`` off: what is in its /data is lost. One that does not run is left as it is."""
    device = store.find(name)
    with _held(device):
        _halt(device)
    return device


def delete(name: str) -> None:
    """Stop the emulated device ``name`` and remove it; the Debian root it stood on stays in the cache."""
    device = store.find(name)
    with _held(device):
        _halt(device)
        if (leftover := device.folder / "work" / "work").exists():
            # Overlayfs leaves it without any permission, so only root could look into it.
            leftover.chmod(0o700)
        (device.folder / "recipe").unlink()
        shutil.rmtree(device.folder)


def _held(device: Device) -> AbstractContextManager[None]:
    return locked(
        device.folder.parent / f".{device.name}.lock", f"the emulated device {device.name}", device.name, wait=60
    )


def _boot(device: Device) -> None:
    recipe = device.recipe
    base = root.base(recipe)
    for path in (base, device.folder):
        if any(character in str(path) for character in ":,\\"):
            hint = "Set SDKGEN_CACHE and SDKGEN_STATE to folders without colon, comma and backslash."
            raise EmulatorError("overlayfs cannot take this path", context=str(path), hint=hint)
    (device.folder / "running").unlink(missing_ok=True)
    system.install(recipe, device.serial_number, device.folder / "upper")
    taken = {store.last_port(other.folder) for other in store.devices() if other.name != device.name}
    free = [port for port in range(FIRST_PORT, LAST_PORT + 1) if port not in taken]
    if (last := store.last_port(device.folder)) is not None:
        free.insert(0, last)
    seconds = _BOOT_SECONDS[recipe.architecture]
    script = Path(__file__).with_name("supervisor.py")
    command = [sys.executable, "-I", "-S", str(script), str(system.programs() / "boot"), str(base), str(device.folder)]
    with console.status(f"starting {device.name}"):
        done = subprocess.run(
            [*command, str(recipe.storage), str(seconds), *map(str, free)],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    if done.returncode:
        raise _failure(device, done.stderr.strip())
    (device.folder / "port").write_text(done.stdout.strip())


def _failure(device: Device, said: str) -> EmulatorError:
    log = device.folder / "log"
    lines = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    hint = f"Look at {log}."
    if "namespaces" in said or "uid_map" in said or "Operation not permitted" in said:
        hint = (
            "The kernel must allow user namespaces: check the sysctls user.max_user_namespaces and "
            "kernel.apparmor_restrict_unprivileged_userns, and that a container may use them; or run this as root."
        )
    elif any("overlay" in line for line in lines):
        hint = "Overlayfs in a user namespace needs Linux 5.11; as root or not, update the kernel."
    detail = f" ({' / '.join(lines)})" if lines else ""
    return EmulatorError(f"it did not start: {said}{detail}", context=device.name, hint=hint)


def _halt(device: Device) -> None:
    """End the device's process: the kernel ends everything in its namespaces with it."""
    process, serial = device.process, device.serial
    if process is not None:
        for end, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            os.kill(process, end)
            deadline = time.monotonic() + seconds
            while device.process is not None and time.monotonic() < deadline:
                time.sleep(0.02)
            if device.process is None:
                break
        else:
            raise EmulatorError("it does not stop", context=device.name, hint=f"End the process {process}.")
    if serial is not None:
        _forget(serial)
    (device.folder / "running").unlink(missing_ok=True)


def _forget(serial: str) -> None:
    """Have the adb server, if one runs, give up a device that is gone; it would list it as offline for ever."""
    server = Server()
    if server.near and server.answers():
        with suppress(DeviceError):
            server.disconnect(serial)
