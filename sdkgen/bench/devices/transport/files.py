"""Copying files so that they arrive whole and unchanged, or not at all; the same for every way in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote

from sdkgen.bench.devices.transport.base import Transport
from sdkgen.bench.errors import DeviceError, DeviceFull
from sdkgen.files import sha256_path, whole_file

_DAMAGED = 65


def push_verified(
    device: Transport, send: Callable[[Path, str], None], source: Path, target: str, mode: int, timeout: float = 60
) -> None:
    """Copy ``source`` beside ``target`` by ``send``, compare sha256s on the device, then move it into place.

    See ``Transport.push`` for what it raises. ``timeout`` is what hashing on the device may take, in seconds.
    """
    part = f"{target}.part"
    expected = sha256_path(source)
    check_space(device, source, part)
    try:
        send(source, part)
    except DeviceFull:
        # What did arrive takes the space that the next attempt needs.
        device.shell(f"rm -f {quote(part)}")
        raise
    script = (
        f"have=$(sha256sum < {quote(part)}) && case $have in {expected}*) "
        f"chmod {mode:o} {quote(part)} && mv -f {quote(part)} {quote(target)};; "
        f"*) rm -f {quote(part)}; exit {_DAMAGED};; esac"
    )
    done = device.shell(script, timeout=timeout)
    if done.exit_code == _DAMAGED:
        raise DeviceError(
            f"{source.name} arrived damaged at {target}",
            context=device.serial,
            hint="Try again; if it happens again, change the cable.",
            reference="push-damaged",
        )
    if done.exit_code:
        raise file_error(device.serial, target, done.stderr.decode("utf-8", errors="replace").strip())


def check_space(device: Transport, source: Path, target: str) -> None:
    """Raise what would make writing ``source`` to ``target`` fail, before it is sent: no space, or no permission.

    A device may also say so itself, but only after it has been sent everything.
    """
    folder = quote(target.rpartition("/")[0] or "/")
    done = device.shell(f"mkdir -p {folder} && : > {quote(target)} || exit; df -kP {folder} 2>/dev/null; true")
    if done.exit_code:
        raise file_error(device.serial, target, done.stderr.decode("utf-8", errors="replace").strip())
    # The last line is the file system's: device, size, used, free, … A device whose df is too old prints none.
    free = "".join(done.text.rpartition("\n")[2].split()[3:4])
    if free.isdecimal() and int(free) * 1024 < source.stat().st_size:
        device.shell(f"rm -f {quote(target)}")
        raise file_error(device.serial, target, "No space left on device")


def pull_whole(receive: Callable[[str, Path], None], source: str, target: Path) -> None:
    """Copy ``source`` from the device by ``receive`` so that ``target`` appears whole or not at all."""
    with whole_file(target) as work:
        receive(source, work)


def file_error(serial: str, path: str, message: str) -> DeviceError:
    """Return the error for what a device said about a file, worded by its C library."""
    if "No space left" in message or "Disk quota exceeded" in message:
        return DeviceFull(
            f"no space left for {path}",
            context=serial,
            hint="Free some space on the device: look at what is in /data/local/tmp.",
        )
    if "No such file" in message:
        return DeviceError(
            f"the device has no file {path}", context=serial, hint="Check the path.", reference="no-such-file"
        )
    return DeviceError(f"{path}: {message}", context=serial, hint="Choose a path below /data/local/tmp.")
