"""Who a device is: what it says about itself, read once before a run and kept with every result."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from sdkgen.bench.devices.probe import ask, number, short
from sdkgen.bench.devices.transport.base import Transport

_PROPERTIES = {
    "serial": "ro.serialno",
    "emulated": "ro.sdkgen.emulated",
    "qemu": "ro.kernel.qemu",
    "boot_qemu": "ro.boot.qemu",
    "manufacturer": "ro.product.manufacturer",
    "model": "ro.product.model",
    "device": "ro.product.device",
    "soc_manufacturer": "ro.soc.manufacturer",
    "soc_model": "ro.soc.model",
    "board": "ro.board.platform",
    "abis": "ro.product.cpu.abilist",
    "release": "ro.build.version.release",
    "sdk": "ro.build.version.sdk",
    "security_patch": "ro.build.version.security_patch",
    "fingerprint": "ro.build.fingerprint",
    "egl": "ro.hardware.egl",
    "vulkan_driver": "ro.hardware.vulkan",
}
_OPENCL = "/vendor/lib64/libOpenCL.so /system/vendor/lib64/libOpenCL.so /vendor/lib64/egl/libGLES_mali.so \
/vendor/lib64/libPVROCL.so /vendor/lib/libOpenCL.so"
"""Where phones keep OpenCL; there is no standard."""
_OPENCL_LINUX = "/usr/lib/*/libOpenCL.so.1 /usr/lib64/libOpenCL.so.1"
_FIRST_OF = "for file in {}; do [ -e $file ] && echo $file && exit; done; exit 1"
_DEVICE_TYPES = ("other", "integrated", "discrete", "virtual", "cpu")
"""Vulkan's VkPhysicalDeviceType."""

_PCI_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel", "0x106b": "Apple"}
_PCI_GPUS = "for at in /sys/class/drm/card[0-9]*/device; do paste -d' ' $at/vendor $at/device && exit; done; exit 1"


class Identity(BaseModel):
    """What a device is. None where it did not say.

    The text is the device's own and untrusted: escape it for wherever it is shown. ``serial_hash`` tells two devices of
    one model apart without giving the serial away; it is the same whichever way a device is reached.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    serial_hash: str
    emulated: bool = False
    """Whether it is an emulated device: sdkgen's own (Debian in fact, whatever ``os`` says), or Android's emulator."""
    manufacturer: str | None = None
    model: str | None = None
    device: str | None = None
    soc: str | None = None
    board: str | None = None
    abi: str | None = None
    """As Android names it: arm64-v8a, armeabi-v7a, x86_64."""
    os: str | None = None
    sdk: int | None = None
    security_patch: str | None = None
    fingerprint: str | None = None
    gpu: str | None = None
    driver: str | None = None
    gles: str | None = None
    vulkan: str | None = None
    """The version of Vulkan that the GPU offers."""
    vulkan_kind: str | None = None
    """integrated, discrete, virtual, cpu (a software driver) or other."""
    opencl: str | None = None
    """The OpenCL library."""


def identify(transport: Transport, *, is_serial_shared: bool = False) -> Identity:
    """Ask the device who it is. Raises what ``Transport.shell`` raises; a device that answers nothing is no error.

    A device whose serial number is another's too is known by that and by how it is connected.
    """
    if transport.kind == "local":
        return _identify_machine(transport)
    found = _identify_android(transport)
    if not is_serial_shared:
        return found
    return found.model_copy(update={"serial_hash": hash_serial(f"{found.serial_hash} {transport.serial}")})


def hash_serial(serial: str) -> str:
    """Return what stands for a serial number in results and locks: 16 hexadecimal digits."""
    return hashlib.sha256(f"sdkgen device {serial}".encode()).hexdigest()[:16]


def _identify_android(transport: Transport) -> Identity:
    said = ask(
        transport,
        {name: f"getprop {key}" for name, key in _PROPERTIES.items()}
        | {
            "surface": "dumpsys SurfaceFlinger | grep -m 1 GLES:",
            "vkjson": "cmd gpu vkjson",
            "opencl": _FIRST_OF.format(_OPENCL),
            "opencl_linux": _FIRST_OF.format(_OPENCL_LINUX),
        },
        timeout=30,
    )
    told = {name: short(said[name]) for name in _PROPERTIES}
    gles = short((said["surface"] or "").partition("GLES:")[2])
    vulkan = _vulkan(said["vkjson"])
    emulated = "1" in (told["emulated"], told["qemu"], told["boot_qemu"])
    release = told["release"]
    return Identity(
        # A device that keeps its serial number to itself is known by how it is connected.
        serial_hash=hash_serial(told["serial"] or transport.serial),
        emulated=emulated,
        manufacturer=told["manufacturer"],
        model=told["model"],
        device=told["device"],
        soc=" ".join(part for part in (told["soc_manufacturer"], told["soc_model"]) if part) or None,
        board=told["board"],
        abi=short((told["abis"] or "").split(",")[0]),
        os=f"Android {release}" if release else None,
        sdk=number(told["sdk"]),
        security_patch=told["security_patch"],
        fingerprint=told["fingerprint"],
        gpu=_renderer(gles) or vulkan.get("gpu"),
        driver=vulkan.get("driver") or told["vulkan_driver"] or told["egl"],
        gles=gles,
        vulkan=vulkan.get("version"),
        vulkan_kind=vulkan.get("kind"),
        opencl=short(said["opencl"]) or short(said["opencl_linux"]),
    )


def _identify_machine(transport: Transport) -> Identity:
    said = ask(
        transport,
        {
            "id": "cat /etc/machine-id || sysctl -n kern.uuid",
            "manufacturer": "cat /sys/class/dmi/id/sys_vendor",
            "model": "cat /sys/class/dmi/id/product_name || sysctl -n hw.model",
            "cpu": "sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | grep -m 1 . "
            "|| sysctl -n machdep.cpu.brand_string",
            "machine": "uname -m",
            "os": '( . /etc/os-release && printf %s "$PRETTY_NAME" ) || sw_vers -productVersion',
            "kernel": "uname -sr",
            "summary": "vulkaninfo --summary",
            "nvidia": "nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -n 1",
            "nvidia_driver": "sed -n 's/^Model:[[:space:]]*//p' /proc/driver/nvidia/gpus/*/information | head -n 1",
            "pci": _PCI_GPUS,
            "opencl": _FIRST_OF.format(_OPENCL_LINUX),
        },
        timeout=30,
    )
    first = dict(
        re.findall(
            r"^\s*(deviceName|driverInfo|driverName|apiVersion|deviceType)\s*= (.*)$", said["summary"] or "", re.M
        )[:5]
    )
    kind = first.get("deviceType", "").removeprefix("PHYSICAL_DEVICE_TYPE_").removesuffix("_GPU").lower()
    machine = short(said["machine"]) or ""
    gpu, driver = _named_gpu(said)
    return Identity(
        serial_hash=hash_serial(short(said["id"]) or transport.serial),
        manufacturer=short(said["manufacturer"]),
        model=short(said["model"]),
        soc=short(said["cpu"]),
        abi={"aarch64": "arm64-v8a", "arm64": "arm64-v8a"}.get(machine, machine) or None,
        os=" · ".join(part for part in (short(said["os"]), short(said["kernel"])) if part) or None,
        gpu=short(first.get("deviceName")) or gpu,
        driver=short(" ".join(first[key] for key in ("driverName", "driverInfo") if key in first)) or driver,
        vulkan=short(first.get("apiVersion")),
        vulkan_kind=kind or None,
        opencl=short(said["opencl"]),
    )


def _named_gpu(said: Mapping[str, str | None]) -> tuple[str | None, str | None]:
    """Return the GPU and its driver as NVIDIA's driver names them, else by the numbers of its vendor and device."""
    name, _, version = (short(said["nvidia"]) or "").partition(", ")
    if name or (name := short(said["nvidia_driver"]) or ""):
        return name, f"NVIDIA {version}".strip()
    vendor, _, device = (short((said["pci"] or "").partition("\n")[0]) or "").partition(" ")
    known = _PCI_VENDORS.get(vendor)
    return (f"{known} {device.removeprefix('0x')}" if known else None), None


def _renderer(gles: str | None) -> str | None:
    """Return the renderer of SurfaceFlinger's line "vendor, renderer, OpenGL ES version"; vendors have commas too."""
    parts = [part.strip() for part in (gles or "").partition("OpenGL ES")[0].split(",")]
    return parts[-2] if len(parts) > 2 else None


def _vulkan(text: str | None) -> dict[str, str | None]:
    """Return name, driver, version and kind of the first GPU in Android's vkjson; nothing where there is none."""
    try:
        first = json.loads(text or "")["devices"][0]
        about = first["properties"]
        version, kind = int(about["apiVersion"]), int(about["deviceType"])
        driver = first.get("VK_KHR_driver_properties", {}).get("driverPropertiesKHR", {})
        named = " ".join(str(driver.get(key, "")) for key in ("driverName", "driverInfo"))
        return {
            "gpu": short(str(about["deviceName"])),
            "driver": short(named) or short(str(about.get("driverVersion", ""))),
            "version": f"{version >> 22 & 0x7F}.{version >> 12 & 0x3FF}.{version & 0xFFF}",
            "kind": _DEVICE_TYPES[kind] if 0 <= kind < len(_DEVICE_TYPES) else "other",
        }
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return {}
