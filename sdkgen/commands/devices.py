"""``sdkgen devices``: what is connected, and what to do about what is not ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import typer

from sdkgen import console
from sdkgen.errors import UsageError, nearest

if TYPE_CHECKING:
    from sdkgen.bench.devices.health import Health
    from sdkgen.bench.devices.survey import Seen
    from sdkgen.bench.devices.transport import Way

_WAYS = ("auto", "server", "direct")
_THERMAL = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


def register(app: typer.Typer) -> None:
    """Add ``devices``."""
    app.command("devices")(list_devices)


def list_devices(
    transport: str = typer.Option(
        "auto",
        envvar="SDKGEN_ADB",
        help="How to reach Android devices: server (through adb), direct (without), or auto (server if there is one).",
    ),
    iphones: bool = typer.Option(False, "--iphones", help="List iPhones as well; on a Mac, with coremltools."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List phones, emulated devices and this machine: GPU, battery, heat, and what keeps one from being used."""
    from sdkgen.bench.devices.survey import survey

    if transport not in _WAYS:
        raise UsageError(f"unknown transport {transport!r}", hint=nearest(transport, _WAYS))
    with console.status("asking the devices"):
        seen = survey(cast("Way", transport), iphones=iphones)
    if json:
        console.print_json([_record(one) for one in seen])
        return
    for one in seen:
        _print(one)


def _record(one: Seen) -> dict[str, Any]:
    return {
        "serial": one.found.serial,
        "state": one.state,
        "remedy": one.remedy or None,
        "transport": one.found.kind,
        "identity": one.identity.model_dump(mode="json") if one.identity else None,
        "health": one.health.model_dump(mode="json") if one.health else None,
    }


def _print(one: Seen) -> None:
    """Print a heading and a line a topic; a table of all this would not fit a terminal."""
    from rich.table import Table

    ready = one.state == "device"
    colour = "green" if ready else "red"
    serial, state = console.safe(one.found.serial), "ready" if ready else console.safe(one.state)
    console.out.print(f"[bold]{serial}[/bold]  [{colour}]{state}[/{colour}]  [dim]{one.found.kind}[/dim]")
    lines = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for topic, said in _lines(one):
        if said:
            lines.add_row(topic, console.safe(said))
    if lines.row_count:
        console.out.print(lines)


def _lines(one: Seen) -> list[tuple[str, str]]:
    if one.identity is None:
        return [("fix", one.remedy)]
    who = one.identity
    software = who.vulkan_kind == "cpu"
    vulkan = f"Vulkan {who.vulkan}{' (software)' if software else ''}" if who.vulkan else "no Vulkan"
    return [
        ("model", _joined(who.manufacturer, who.model, "emulated" if who.emulated else None)),
        ("SoC", _joined(who.soc, who.abi)),
        ("OS", _joined(who.os, f"security patch {who.security_patch}" if who.security_patch else None)),
        ("GPU", _joined(who.gpu or "none found", who.driver, vulkan, "OpenCL" if who.opencl else "no OpenCL")),
        *(_health_lines(one.health) if one.health else ()),
    ]


def _health_lines(health: Health) -> list[tuple[str, str]]:
    level, status = health.battery_level, health.thermal_status
    degrees = health.battery_temperature
    battery = _joined(
        None if level is None else f"{level} %",
        None if degrees is None else f"{degrees:.1f} °C",
        {True: "plugged in", False: "unplugged", None: None}[health.plugged],
    )
    known = status is not None and status < len(_THERMAL)
    heat = _joined(
        f"thermal status {_THERMAL[status or 0]}" if known else None,
        *(f"{zone} {value:.1f} °C" for zone, value in list((health.temperatures or {}).items())[:4]),
    )
    return [("battery", battery or "unreadable"), ("heat", heat or "unreadable")]


def _joined(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)
