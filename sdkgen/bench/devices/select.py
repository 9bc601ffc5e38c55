"""Which devices and backends a command is to measure on, from what the user wrote."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

from sdkgen import console
from sdkgen.bench.devices.probe import ask, short
from sdkgen.bench.devices.transport import Found, connected, open_device
from sdkgen.bench.errors import DeviceError
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
    named = os.environ.get("ANDROID_SERIAL")
    for serial in (named if one == "all" and named else one for one in serials):
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
    return use_once(list(chosen.values()))


def use_once(chosen: Sequence[Found]) -> list[Found]:
    """Return the devices, one that is reached in two ways only by the better one: by cable rather than by network.

    One phone says the same serial number and the same number of its last start. Two that share a serial number, as
    unbranded ones do, are told apart by how they are connected.
    """
    phones = [one for one in chosen if one.kind != "local"]
    if len(phones) < 2:
        return list(chosen)
    with ThreadPoolExecutor(max_workers=len(phones)) as pool:
        said = dict(zip((one.serial for one in phones), pool.map(_ask_who, phones), strict=True))
    kept: list[Found] = []
    for one in sorted(chosen, key=lambda found: bool(OVER_NETWORK.search(found.serial))):
        serial, start = said.get(one.serial, ("", ""))
        twins = [other for other in kept if serial and said.get(other.serial, ("", ""))[0] == serial]
        same = [other for other in twins if start == said[other.serial][1] and (start or not (other.port and one.port))]
        if same:
            console.note(f"{one.serial} is {same[0].serial}: it is used once, as {same[0].serial}")
        else:
            kept.append(replace(one, is_serial_shared=True) if twins else one)
    return sorted(kept, key=lambda found: [other.serial for other in chosen].index(found.serial))


OVER_NETWORK = re.compile(r":\d+$|\._adb-tls-connect\._tcp")
"""Serials of devices on the network: an address, or a name that was found by mDNS."""


def _ask_who(found: Found) -> tuple[str, str]:
    """Return a device's serial number and the number of its last start; empty where it does not say."""
    try:
        with closing(found.open()) as device:
            said = ask(device, {"serial": "getprop ro.serialno", "start": "cat /proc/sys/kernel/random/boot_id"})
    except DeviceError:
        return "", ""  # what is wrong with it is told when it is measured
    return short(said["serial"]) or "", short(said["start"]) or ""


def _given(serial: str, known: list[str]) -> Found:
    """Return a device that is not listed: an address that may answer all the same."""
    if ":" not in serial:
        raise UsageError(f"unknown device {serial!r}", hint=nearest(serial, known), reference="unknown-device")
    transport = open_device(serial)
    transport.close()
    return Found(serial, transport.kind)
