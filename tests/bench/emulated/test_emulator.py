"""Emulated devices as a whole: their life on disk, what they are shut off from, and what they say about themselves."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from shlex import quote

import pytest

from sdkgen.bench.devices import emulator
from sdkgen.bench.devices.emulator import Device, root, store, system
from sdkgen.bench.devices.health import read_health
from sdkgen.bench.devices.identity import identify
from sdkgen.bench.devices.transport import Transport, open_device
from sdkgen.bench.errors import EmulatorError
from sdkgen.bench.report.model import throttled
from sdkgen.errors import UsageError
from sdkgen.spec.device import load_recipe
from tests.bench.emulated.conftest import first_process, wait_until
from tests.conftest import Run


def test_identity_and_health_come_from_the_recipe(phone: Transport, maple: Device) -> None:
    recipe = maple.recipe
    who = identify(phone)
    assert who.emulated
    assert (who.manufacturer, who.model, who.abi) == (recipe.identity.manufacturer, recipe.identity.model, "x86_64")
    assert (who.os, who.sdk, who.soc) == ("Android 13", 33, "sdkgen EM2")
    assert (who.gpu, who.vulkan) == (None, None)
    health = read_health(phone)
    assert health.battery_level is not None
    assert recipe.battery.level - recipe.battery.drain_per_hour <= health.battery_level <= recipe.battery.level
    assert (health.battery_temperature, health.plugged, health.thermal_status) == (31.0, False, 0)
    assert health.cpu_maximum_clocks is not None
    assert set(health.cpu_maximum_clocks) == {recipe.cpu.maximum_clock}
    assert len(health.cpu_maximum_clocks) == os.cpu_count()
    assert health.temperatures is not None
    assert set(health.temperatures) == {"skin", "cpu"}
    assert health.gpu_clock is None


def test_work_warms_the_device_and_rest_cools_it(phone: Transport) -> None:
    def skin() -> float:
        temperatures = read_health(phone).temperatures
        assert temperatures is not None
        return temperatures["skin"]

    before = skin()
    phone.shell("for i in 1 2 3 4; do timeout 4 sh -c 'while :; do :; done' & done; wait", timeout=30)
    warm = skin()
    assert warm > before + 0.05
    phone.shell("sleep 4")
    assert skin() < warm


def test_state_can_be_claimed_as_on_a_phone(phone: Transport, maple: Device) -> None:
    try:
        phone.shell("dumpsys battery set level 7; dumpsys battery unplug; cmd thermalservice override-status 3")
        health = read_health(phone)
        assert (health.battery_level, health.plugged, health.thermal_status) == (7, False, 3)
        assert health.cpu_clocks is not None
        assert set(health.cpu_clocks) == {maple.recipe.cpu.maximum_clock * 6 // 10}
        assert health.cpu_maximum_clocks == health.cpu_clocks
        hottest = health
    finally:
        phone.shell("dumpsys battery reset; cmd thermalservice reset")
    health = read_health(phone)
    assert throttled(health, hottest.model_copy(update={"thermal_status": 0}))
    assert (health.thermal_status, health.cpu_clocks) == (0, health.cpu_maximum_clocks)
    assert (health.battery_level or 0) > 50


def test_programs_refuse_what_androids_refuse(phone: Transport) -> None:
    assert phone.shell("dumpsys nothing").exit_code == 1
    assert phone.shell("cmd nothing").exit_code == 20
    assert phone.shell("svc power stayon true").exit_code == 0
    assert phone.shell("svc power stayon maybe").exit_code == 1
    assert phone.shell("setprop ro.product.model Phone").exit_code == 1
    assert phone.shell("setprop ../../etc/passwd x").exit_code == 1
    assert phone.shell("setprop debug.my.own 'a  b'; getprop debug.my.own").text == "a  b"
    assert phone.shell("getprop no.such.property").stdout == b"\n"


def test_a_device_is_shut_off_from_the_host(phone: Transport, maple: Device) -> None:
    assert phone.shell("ps -e -o comm= | grep -c python").text == "0"
    assert phone.shell(f"ls -d /.host {quote(str(Path(__file__).parent))}").stdout == b""
    assert phone.shell("cat /proc/net/dev | grep -v -e lo: -e Inter -e face").stdout == b""
    # Root inside is nobody outside: it may not even set the clock.
    assert phone.shell("date -s 2000-01-01").exit_code != 0
    init = first_process(maple)
    assert Path(f"/proc/{init}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    assert Path(f"/proc/{init}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
    port = int((maple.serial or "").rpartition(":")[2])
    everywhere = [
        line.split()[1] for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    assert [at for at in everywhere if at.endswith(f":{port:04X}") and not at.startswith("0100007F")] == []


def test_its_life_as_seen_by_other_processes(workplace: Path, run: Run) -> None:  # noqa: ARG001
    def listed() -> dict[str, str]:
        return {one["name"]: one["state"] for one in json.loads(run("emulator", "list", "--json").stdout)}

    made = run("emulator", "create", "visitor", "--recipe", "maple", "--json")
    assert made.returncode == 0, made.stderr
    assert listed()["visitor"] == "stopped"
    (started,) = json.loads(run("emulator", "start", "visitor", "--json").stdout)
    assert started["state"] == "running"
    assert int(started["serial"].rpartition(":")[2]) >= emulator.FIRST_PORT
    (again,) = json.loads(run("emulator", "start", "visitor", "--json").stdout)
    assert again == started
    (stopped,) = json.loads(run("emulator", "stop", "visitor", "--json").stdout)
    assert (stopped["state"], stopped["serial"]) == ("stopped", None)
    wait_until(lambda: not Path(f"/proc/{started['process']}").exists())
    assert run("emulator", "delete", "visitor").returncode == 0
    assert "visitor" not in listed()
    assert not Path(started["folder"]).exists()
    gone = run("emulator", "start", "visitor")
    assert gone.returncode == 2
    assert "unknown-emulator" in gone.stderr


def test_a_device_whose_process_was_killed_has_died_and_can_be_started_again(workplace: Path) -> None:  # noqa: ARG001
    device = emulator.create("mortal", "maple")
    serial = emulator.start("mortal").serial
    assert device.process is not None
    init = first_process(device)
    os.kill(device.process, signal.SIGKILL)
    wait_until(lambda: device.process is None)
    assert (device.state, device.serial) == ("died", None)
    # Nothing of it is left to run on unseen.
    wait_until(lambda: not Path(f"/proc/{init}").exists())
    assert emulator.start("mortal").serial == serial
    emulator.stop("mortal")
    # A process that has its number by chance is not taken for it.
    (device.folder / "running").write_text(f"{os.getpid()} 1 6500")
    assert device.state == "died"
    emulator.delete("mortal")


def test_two_that_start_one_device_at_once_start_it_once(workplace: Path) -> None:  # noqa: ARG001
    emulator.create("wanted", "maple")
    command = [sys.executable, "-m", "sdkgen", "emulator", "start", "wanted", "--json"]
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: subprocess.run(command, capture_output=True, check=True), range(3)))
    assert len({run.stdout for run in runs}) == 1
    emulator.delete("wanted")


def test_a_port_in_use_is_passed_over(workplace: Path, maple: Device) -> None:  # noqa: ARG001
    device = emulator.create("displaced", "maple")
    (device.folder / "port").write_text((maple.serial or "").rpartition(":")[2])
    assert emulator.start("displaced").serial not in (None, maple.serial)
    emulator.delete("displaced")


def test_what_is_in_data_is_gone_after_a_stop_and_files_elsewhere_stay(workplace: Path) -> None:  # noqa: ARG001
    emulator.create("keeper", "maple")
    for expected in ("", "/etc/kept"):
        serial = emulator.start("keeper").serial
        assert serial is not None
        with closing(open_device(serial, "direct")) as device:
            assert device.shell("ls /etc/kept /data/local/tmp/lost 2>/dev/null").text == expected
            device.shell("touch /etc/kept /data/local/tmp/lost")
        emulator.stop("keeper")
    emulator.delete("keeper")


def test_a_device_that_cannot_boot_says_why(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    device = emulator.create("broken", "maple")
    monkeypatch.setattr(root, "base", lambda _: device.folder / "nothing")
    with pytest.raises(EmulatorError) as caught:
        emulator.start("broken")
    assert caught.value.context == "broken"
    assert "overlay" in caught.value.message
    assert device.state == "stopped"
    emulator.delete("broken")


def test_a_gpu_is_what_the_devices_own_driver_says(workplace: Path, way: str) -> None:  # noqa: ARG001
    serial = emulator.start("birch").serial
    assert serial is not None
    with closing(open_device(serial, way)) as device:  # type: ignore[arg-type]
        who = identify(device)
        assert read_health(device).gpu_clock == load_recipe("birch").gpu.clock
    assert who.vulkan_kind == "cpu"
    assert "Mesa" in (who.driver or "")
    assert tuple(map(int, (who.vulkan or "0").split("."))) >= (1, 3)


@pytest.mark.slow
def test_arm64(workplace: Path, way: str) -> None:  # noqa: ARG001
    if not shutil.which("qemu-aarch64-static") and os.uname().machine != "aarch64":
        with pytest.raises(EmulatorError, match="arm64"):
            emulator.start("aspen")
        return
    serial = emulator.start("aspen").serial
    assert serial is not None
    with closing(open_device(serial, way)) as device:  # type: ignore[arg-type]
        assert device.shell("uname -m", timeout=60).text == "aarch64"
        assert identify(device).abi == "arm64-v8a"
        assert read_health(device).battery_level == load_recipe("aspen").battery.level


def test_an_ordinary_user_can_run_one(maple: Device) -> None:
    python = "/usr/bin/python3"
    if os.geteuid() or not Path(python).exists():
        pytest.skip("takes root to become somebody else, and a Python that everybody may run")
    # Neither root's cache nor the checkout may be open to others.
    place = Path(tempfile.mkdtemp(prefix="sdkgen-test-"))
    try:
        place.chmod(0o755)
        subprocess.run(["cp", "-a", str(root.base(maple.recipe)), str(place / "base")], check=True)
        shutil.copy(Path(emulator.__file__).with_name("supervisor.py"), place)
        shutil.copy(system.programs() / "boot", place)
        folder = place / "device"
        for part in ("upper", "work", "root"):
            (folder / part).mkdir(parents=True)
        system.install(maple.recipe, "ORDINARY", folder / "upper")
        subprocess.run(["chown", "-R", "nobody", str(folder)], check=True)
        ports = map(str, range(emulator.FIRST_PORT, emulator.LAST_PORT))
        files = (place / "supervisor.py", place / "boot", place / "base", folder)
        started = subprocess.run(
            [python, "-I", "-S", *map(str, files), "64", "30", *ports],
            user="nobody",
            group="nogroup",
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        assert started.returncode == 0, started.stderr + (folder / "log").read_text()
        process = int((folder / "running").read_text().split()[0])
        try:
            with closing(open_device(f"127.0.0.1:{started.stdout}", "direct")) as device:
                assert device.shell("id -u; getprop ro.serialno").text.split() == ["0", "ORDINARY"]
                (place / "file").write_bytes(os.urandom(100_000))
                device.push(place / "file", "/data/local/tmp/file")
            assert Path(f"/proc/{process}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        finally:
            os.kill(process, signal.SIGTERM)
            wait_until(lambda: not Path(f"/proc/{process}").exists())
    finally:
        shutil.rmtree(place)


def test_names(workplace: Path, maple: Device) -> None:  # noqa: ARG001
    with pytest.raises(UsageError, match="already"):
        emulator.create("maple")
    for name in ("../up", "", "A", "x" * 41, "a b"):
        with pytest.raises(UsageError):
            emulator.create(name, "maple")
    with pytest.raises(UsageError, match="maple"):
        emulator.create("anything", "mapel")
    with pytest.raises(UsageError, match="maple"):
        store.find("mapel")
