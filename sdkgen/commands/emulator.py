"""``sdkgen emulator``: emulated devices with a real adbd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from sdkgen import console

if TYPE_CHECKING:
    from sdkgen.bench.devices.emulator import Device

_Json = typer.Option(False, "--json", help="Print JSON.")
_Names = typer.Argument(help="Names of emulated devices.")


def register(app: typer.Typer) -> None:
    """Add ``emulator`` and its verbs."""
    group = typer.Typer(help="Make and run emulated devices: Debian with Android's own adbd.", no_args_is_help=True)
    for verb, function in (
        ("create", create),
        ("start", start),
        ("stop", stop),
        ("list", list_emulators),
        ("delete", delete),
    ):
        group.command(verb)(function)
    app.add_typer(group, name="emulator")


def create(
    name: str = typer.Argument(help="What to call it."),
    recipe: str = typer.Option("", help="The recipe to make it after; by default, the one of that name."),
    json: bool = _Json,
) -> None:
    """Make an emulated device, without starting it."""
    from sdkgen.bench.devices import emulator

    _show([emulator.create(name, recipe or None)], json)


def start(names: list[str] = _Names, json: bool = _Json) -> None:
    """Start emulated devices; one that has the name of a recipe is made first."""
    from sdkgen.bench.devices import emulator

    _show([emulator.start(name) for name in names], json)


def stop(names: list[str] = _Names, json: bool = _Json) -> None:
    """Switch emulated devices off. What is in their /data is lost."""
    from sdkgen.bench.devices import emulator

    _show([emulator.stop(name) for name in names], json)


def delete(names: list[str] = _Names, json: bool = _Json) -> None:
    """Stop and remove emulated devices."""
    from sdkgen.bench.devices import emulator

    for name in names:
        emulator.delete(name)
    if json:
        console.print_json([{"name": name, "state": "deleted"} for name in names])


def list_emulators(json: bool = _Json) -> None:
    """List the emulated devices, and the recipes that there are."""
    from sdkgen.bench.devices.emulator import store
    from sdkgen.spec.device import load_recipe, recipe_names

    devices = store.devices()
    _show(devices, json)
    unused = [name for name in recipe_names() if name not in {device.name for device in devices}]
    if unused and not json:
        console.err.print("To be started by name:")
        for name in unused:
            console.err.print(f"  {name}: {console.safe(load_recipe(name).title)}")


def _record(device: Device) -> dict[str, Any]:
    recipe = device.recipe
    return {
        "name": device.name,
        "state": device.state,
        "serial": device.serial,
        "recipe": recipe.name,
        "model": recipe.identity.model,
        "abi": recipe.abi,
        "gpu": recipe.gpu.kind,
        "process": device.process,
        "folder": str(device.folder),
    }


def _show(devices: list[Device], json: bool) -> None:
    records = [_record(device) for device in devices]
    if json:
        console.print_json(records)
        return
    from rich.table import Table

    shown = ("name", "state", "serial", "recipe", "model", "abi", "gpu")
    table = Table(*shown, box=None, header_style="bold")
    for record in records:
        table.add_row(*(console.safe(record[key] or "–") for key in shown))
    console.out.print(table)
