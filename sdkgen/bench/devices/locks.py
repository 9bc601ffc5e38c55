"""One user at a time of whatever cannot be shared: a device, an emulated device's folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sdkgen.bench.devices import state
from sdkgen.bench.errors import DeviceBusy
from sdkgen.files import unwritable


@contextmanager
def device_lock(serial_hash: str, name: str, *, wait: float = 0) -> Iterator[None]:
    """Hold the device whose ``Identity.serial_hash`` this is while the block runs; ``name`` is what to call it.

    The kernel frees the lock when its holder ends, however it ends. Raises ``DeviceBusy`` if another process or thread
    still holds it after ``wait`` seconds, and says which process.
    """
    with locked(state.root() / "locks" / f"{serial_hash}.lock", f"the device {name}", name, wait=wait):
        yield


@contextmanager
def locked(file: Path, what: str, context: str, *, wait: float = 0) -> Iterator[None]:
    """Hold the lock ``file`` while the block runs; raises ``DeviceBusy`` about ``what`` after ``wait`` seconds."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(file, error) from error
    try:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                holder = os.pread(handle, 20, 0).decode(errors="replace")
                raise DeviceBusy(
                    f"{what} is in use by process {holder or '(unknown)'}",
                    context=context,
                    hint="Wait until that is done, or end it.",
                ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
