"""Which devices and backends a command is to measure on, from what the user wrote."""

from __future__ import annotations

from collections.abc import Sequence

from sdkgen import console
from sdkgen.bench.devices.transport import Found, connected, open_device
from sdkgen.bench.plan import Backend
from sdkgen.errors import UsageError, nearest

BACKENDS: tuple[Backend, ...] = ("gpu", "cpu")

IPHONE = "iphone"
"""What stands for the iPhones connected to this Mac, among serials."""


def parse_backends(text: str) -> list[Backend]:
    """Return the backends in ``text``, such as "gpu,cpu", the GPU first. Raises ``UsageError`` for any other name."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in BACKENDS:
            raise UsageError(f"unknown backend {name!r}", hint=nearest(name, BACKENDS), reference="unknown-backend")
    chosen = [name for name in BACKENDS if name in names]
    if not chosen:
        raise UsageError("no backend is named", hint="Write --backend gpu,cpu.")
    return chosen


def select_devices(serials: Sequence[str]) -> list[Found]:
    """Return the devices to measure on; of "all", those that are not ready are told about and left out.

    Raises ``UsageError`` if one is unknown or none is ready.
    """
    found = connected()
    by_serial = {one.serial: one for one in found}
    chosen: dict[str, Found] = {}
    for serial in serials:
        if serial == "all":
            phones = [one for one in found if one.kind != "local"]
            for one in phones:
                if not one.ready:
                    console.warn(f"{one.serial} is {one.state} and left out. {one.remedy}")
            chosen |= {one.serial: one for one in phones if one.ready}
        elif serial in by_serial:
            chosen[serial] = by_serial[serial]
        else:
            chosen[serial] = _given(serial, list(by_serial))
    if not chosen:
        raise UsageError(
            "no device is ready",
            hint="Connect one (sdkgen devices shows what is there), start an emulated one (sdkgen emulator start "
            "NAME), or measure this machine: --device local.",
            reference="no-device",
        )
    return list(chosen.values())


def _given(serial: str, known: list[str]) -> Found:
    """Return a device that is not listed: an address that may answer all the same."""
    if ":" not in serial:
        raise UsageError(f"unknown device {serial!r}", hint=nearest(serial, known), reference="unknown-device")
    transport = open_device(serial)
    transport.close()
    return Found(serial, transport.kind)
