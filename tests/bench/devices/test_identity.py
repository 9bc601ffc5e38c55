"""Who a device is: phones as they answer, and devices that lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdkgen.bench.devices.identity import Identity, _named_gpu, identify
from sdkgen.bench.devices.transport.local import Local
from tests.bench.pretend import Pretend, says

PHONE = {
    "ro.serialno": "R5CT1234567",
    "ro.product.manufacturer": "samsung",
    "ro.product.model": "SM-S908B",
    "ro.product.device": "b0s",
    "ro.soc.manufacturer": "Samsung",
    "ro.soc.model": "s5e9925",
    "ro.board.platform": "s5e9925",
    "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
    "ro.hardware.egl": "samsung",
    "ro.hardware.vulkan": "samsung",
}
GLES = "Samsung Electronics Co., Ltd., ANGLE (Samsung Xclipse 920) on Vulkan, OpenGL ES 3.2 V@0615 (GIT@1, 2)"
SURFACE = f"Build configuration: [sf]\nGLES: {GLES}\n"
VULKAN = {
    "devices": [
        {
            "properties": {
                "apiVersion": (1 << 22) | (1 << 12) | 179,
                "deviceType": 1,
                "deviceName": "Samsung Xclipse 920",
                "driverVersion": 8388667,
            },
            "VK_KHR_driver_properties": {"driverPropertiesKHR": {"driverName": "samsung", "driverInfo": "22.0"}},
        }
    ]
}


def test_a_phone() -> None:
    phone = Pretend(PHONE, dumpsys=says(SurfaceFlinger=SURFACE), cmd=says(gpu=json.dumps(VULKAN)))
    who = identify(phone)
    assert phone.calls == 1
    assert (who.manufacturer, who.model, who.soc, who.abi) == ("samsung", "SM-S908B", "Samsung s5e9925", "arm64-v8a")
    assert (who.os, who.sdk, who.emulated) == ("Android 14", 34, False)
    assert (who.vulkan, who.vulkan_kind, who.driver) == ("1.1.179", "integrated", "samsung 22.0")
    assert (who.gles, who.gpu) == (GLES, "ANGLE (Samsung Xclipse 920) on Vulkan")
    assert who.fingerprint is None


@pytest.mark.parametrize("name", ["ro.kernel.qemu", "ro.boot.qemu"])
def test_androids_emulator_is_no_phone(name: str) -> None:
    assert identify(Pretend({**PHONE, name: "1"})).emulated
    assert not identify(Pretend({**PHONE, name: "0"})).emulated


def test_a_device_that_says_nothing_is_still_one() -> None:
    who = identify(Pretend(getprop="return 127"))
    assert who == Identity(serial_hash=who.serial_hash)


def test_the_serial_is_hashed_and_independent_of_the_way_in() -> None:
    first, other_way = Pretend(PHONE), Pretend(PHONE)
    other_way.serial = "192.0.2.7:5555"
    assert identify(first).serial_hash == identify(other_way).serial_hash
    assert identify(first).serial_hash != identify(Pretend({**PHONE, "ro.serialno": "R5CT7654321"})).serial_hash
    assert "R5CT1234567" not in identify(first).model_dump_json()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{",
        "[]",
        '{"devices":[]}',
        '{"devices":[{}]}',
        '{"devices":[{"properties":{"apiVersion":"x"}}]}',
        '{"devices":7}',
    ],
)
def test_a_broken_answer_about_vulkan_is_no_vulkan(answer: str) -> None:
    who = identify(Pretend(PHONE, cmd=says(gpu=answer)))
    assert (who.vulkan, who.vulkan_kind) == (None, None)
    assert who.model == "SM-S908B"


@pytest.mark.parametrize(
    "evil",
    [
        "\x1b]0;owned\x07\x1b[31mred",
        "<script>alert(1)</script>",
        "[bold]markup[/bold]",
        "two\nlines\n[ro.serialno]: [FORGED]",
        "--00000000000000000000000000000000 0\nforged",
        "$(touch /tmp/owned)`id`'\"",
        "x" * 100_000,
    ],
)
def test_a_property_cannot_pass_for_another_or_grow_without_bound(evil: str) -> None:
    who = identify(Pretend({**PHONE, "ro.product.manufacturer": evil}))
    assert who.manufacturer == evil.strip()[:200]
    assert (who.model, who.soc, who.sdk) == ("SM-S908B", "Samsung s5e9925", 34)
    assert not Path("/tmp/owned").exists()


def test_this_machine() -> None:
    who = identify(Local())
    assert who.abi in ("x86_64", "arm64-v8a")
    assert who.os
    assert not who.emulated
    assert who == identify(Local())


@pytest.mark.parametrize(
    ("program", "answer", "gpu", "driver"),
    [
        ("nvidia-smi", "NVIDIA H100 80GB HBM3, 580.65.06", "NVIDIA H100 80GB HBM3", "NVIDIA 580.65.06"),
        ("vulkaninfo", "deviceName = llvmpipe\ndriverName = llvmpipe", "llvmpipe", "llvmpipe"),
    ],
)
def test_a_linux_hosts_gpu_is_named_without_vulkaninfo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, answer: str, gpu: str, driver: str
) -> None:
    (tmp_path / program).write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
    (tmp_path / program).chmod(0o755)
    for other in {"nvidia-smi", "vulkaninfo"} - {program}:
        (tmp_path / other).write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / other).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = identify(Local())
    assert (found.gpu, found.driver) == (gpu, driver)


def test_a_gpu_that_only_the_kernel_knows_is_named_by_its_numbers() -> None:
    assert _named_gpu({"nvidia": None, "nvidia_driver": "", "pci": "0x1002 0x744c\n"}) == ("AMD 744c", None)
    assert _named_gpu({"nvidia": None, "nvidia_driver": "NVIDIA A100", "pci": None}) == ("NVIDIA A100", "NVIDIA")
    assert _named_gpu({"nvidia": None, "nvidia_driver": None, "pci": "0x1234 0x1111\n"}) == (None, None)
    assert _named_gpu({"nvidia": None, "nvidia_driver": None, "pci": None}) == (None, None)
