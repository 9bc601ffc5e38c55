"""Emulated devices as far as they go without one: recipes, names, state on disk, and what may be missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdkgen import resources
from sdkgen.bench.devices import emulator
from sdkgen.bench.devices.emulator import root, store, system
from sdkgen.bench.errors import EmulatorError
from sdkgen.errors import SpecError
from sdkgen.spec.base import read_toml
from sdkgen.spec.device import Recipe, load_recipe, recipe_names
from tests.conftest import Run


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path / "state"))


def test_there_are_recipes_for_both_architectures_and_no_names_of_real_phones() -> None:
    recipes = [load_recipe(name) for name in recipe_names()]
    assert sorted(recipe.architecture for recipe in recipes) == ["amd64", "amd64", "arm64"]
    assert {recipe.gpu.kind for recipe in recipes} == {"software-vulkan", "none"}
    assert len({recipe.identity.model for recipe in recipes}) == len(recipes)
    for recipe in recipes:
        assert recipe.identity.manufacturer == "sdkgen"
        assert "emulated" in recipe.identity.model


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("busy = 50.0", "busy = 20.0", "thermal"),
        ("limits = [40.0, 44.0, 48.0, 55.0]", "limits = [44.0, 40.0]", "thermal"),
        ("level = 64", "level = 101", "battery.level"),
        ("level = 64", 'level = "64"', "battery.level"),
        ('kind = "none"', 'kind = "adreno"', "gpu.kind"),
        ("storage = 256", "storage = 256\nstorrage = 1", "storrage"),
        ("[gpu]", '[properties]\n"../x" = "y"\n[gpu]', "properties"),
    ],
)
def test_a_faulty_recipe_is_named_by_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    text = (resources.path("devices") / "emulated" / "maple.toml").read_text()
    assert old in text
    (tmp_path / "maple.toml").write_text(text.replace(old, new))
    with pytest.raises(SpecError) as caught:
        read_toml(tmp_path / "maple.toml", Recipe)
    assert "maple.toml" in caught.value.context
    assert key in f"{caught.value.context} {caught.value.message}"


def test_recipes_properties_win() -> None:
    recipe = load_recipe("maple").model_copy(update={"properties": {"ro.product.model": "Other", "my.own": "1"}})
    said = system.properties(recipe, "SERIAL")
    assert (said["ro.product.model"], said["my.own"], said["ro.serialno"]) == ("Other", "1", "SERIAL")
    assert said["ro.sdkgen.emulated"] == "1"


def test_what_a_device_holds_is_renewed_but_its_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "stale").touch()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "kept").touch()
    system.install(load_recipe("birch"), "SERIAL", tmp_path)
    assert not (tmp_path / "system" / "stale").exists()
    assert (tmp_path / "etc" / "kept").exists()
    assert os.access(tmp_path / "system" / "bin" / "getprop", os.X_OK)
    assert (tmp_path / "sys/class/devfreq/emulated.mali/cur_freq").read_text() == "680000000\n"


def test_twins_have_serial_numbers_of_their_own() -> None:
    devices = [store.Device(name, store.folder_for(name)) for name in ("one", "two")]
    assert len({device.serial_number for device in devices}) == 2


def test_the_programs_are_sound_shell() -> None:
    for program in [system.programs() / "boot", *(system.programs() / "bin").iterdir()]:
        if program.suffix != ".awk":
            subprocess.run(["sh", "-n", str(program)], check=True)


def test_nothing_is_listed_where_there_is_nothing(run: Run) -> None:
    assert store.devices() == []
    assert store.running_serials() == []
    assert run("emulator", "list", "--json").stdout.strip() == "[]"


def test_an_unknown_device_or_recipe_is_a_usage_error_that_names_the_nearest(run: Run) -> None:
    for arguments, said in (
        (("stop", "maple"), "unknown-emulator"),
        (("create", "phone"), "unknown-recipe"),
        (("create", "phone", "--recipe", "mapel"), "maple"),
        (("create", "../phone", "--recipe", "maple"), "bad-name"),
    ):
        answer = run("emulator", *arguments)
        assert answer.returncode == 2, answer.stderr
        assert said in answer.stderr


@pytest.mark.parametrize("content", ["", "1 2", "x y z", "{this} 12345 6500", "999999999 1 6500"])
def test_a_state_file_that_is_stale_or_damaged_is_no_running_device(content: str) -> None:
    folder = store.folder_for("phone")
    folder.mkdir(parents=True)
    (folder / "recipe").write_text("maple")
    (folder / "running").write_text(content.format(this=os.getpid()))
    (device,) = store.devices()
    assert (device.state, device.serial, device.process) == ("died", None, None)


def test_this_process_would_be_recognised() -> None:
    folder = store.folder_for("phone")
    folder.mkdir(parents=True)
    (folder / "recipe").write_text("maple")
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    (folder / "running").write_text(f"{os.getpid()} {started} 6500")
    assert store.devices()[0].serial == "127.0.0.1:6500"


def test_elsewhere_than_on_linux_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(EmulatorError, match="need Linux"):
        emulator.create("maple")


def test_without_mmdebstrap_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDKGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorError, match="mmdebstrap") as caught:
        root._build({"architecture": "amd64", "packages": ["adbd"], "suite": "trixie"}, tmp_path / "root.tar")
    assert "apt install" in caught.value.hint


def test_without_qemu_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(root, "_BINFMT", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(EmulatorError) as caught:
        root.ensure_runnable("arm64")
    assert caught.value.reference == "no-qemu"
    # Registered, but its program would be looked for inside the device, which lacks it.
    (tmp_path / "qemu-aarch64").write_text("enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: P\n")
    with pytest.raises(EmulatorError):
        root.ensure_runnable("arm64")
    (tmp_path / "qemu-aarch64").write_text("enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: PF\n")
    root.ensure_runnable("arm64")


def test_a_failed_command_is_quoted_with_the_remedy(tmp_path: Path) -> None:
    fails = tmp_path / "fails"
    fails.write_text("#!/bin/sh\necho 'E: no entry in /etc/subuid for user' >&2; exit 25\n")
    fails.chmod(0o755)
    with pytest.raises(EmulatorError, match="no entry in /etc/subuid") as caught:
        root._run([str(fails)])
    assert "uidmap" in caught.value.hint


def test_the_supervisor_reports_that_no_port_is_free() -> None:
    import socket

    script = Path(emulator.__file__).with_name("supervisor.py")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(script), "boot", "base", "folder", "1", "1", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "none of the ports is free")
