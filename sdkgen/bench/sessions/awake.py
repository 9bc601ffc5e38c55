"""Keeping a phone's screen on while it is measured: with the screen off, Android slows everything down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sdkgen.bench.devices.probe import ask, number
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.sessions.workspace import Workspace

_SETTING = "global stay_on_while_plugged_in"


@contextmanager
def kept_awake(workspace: Workspace) -> Iterator[None]:
    """Have the device stay awake (as far as it is plugged in) during the block, and put the setting back after it.

    A device that knows no such setting is left as it is; so is one that is gone.
    """
    if workspace.transport.kind == "local":
        yield
        return
    said = workspace.again(
        lambda: ask(workspace.transport, {"before": f"settings get {_SETTING}", "set": "svc power stayon true"})
    )
    before = number(said["before"])
    try:
        yield
    finally:
        if said["set"] is not None:
            back = "svc power stayon false" if before is None else f"settings put {_SETTING} {before}"
            with suppress(DeviceError):
                workspace.transport.shell(back)
