"""Who a device is: what it says about itself, read once before a run and kept with every result."""

from __future__ import annotations

import hashlib
import json
import re

from pydantic import BaseModel, ConfigDict

from sdkgen.bench.errors import DeviceGone
from sdkgen.bench.transport.base import Completed, Transport

_MARK = "--sdkgen-next--"
_VULKAN_TYPES = {0: "other", 1: "integrated", 2: "discrete", 3: "virtual", 4: "cpu"}
_OPENCL = (
    "/vendor/lib64/libOpenCL.so",
    "/system/vendor/lib64/libOpenCL.so",
    "/vendor/lib64/egl/libGLES_mali.so",
    "/vendor/lib64/libPVROCL.so",
    "/vendor/lib/libOpenCL.so",
    "/usr/lib/x86_64-linux-gnu/libOpenCL.so.1",
    "/usr/lib/aarch64-linux-gnu/libOpenCL.so.1",
)


class Identity(BaseModel):
    """What a device is. None where it did not say.

    The text is the device's own and untrusted: escape it for wherever it is shown. ``serial_hash`` tells two devices of
    one model apart without giving the serial away; it is the same whichever way the device is reached, as long as the
    device names its serial number itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    serial_hash: str
    emulated: bool = False
    manufacturer: str | None = None
    model: str | None = None
    device: str | None = None
    soc: str | None = None
    board: str | None = None
    abi: str | None = None
    os: str | None = None
    sdk: int | None = None
    security_patch: str | None = None
    fingerprint: str | None = None
    gpu: str | None = None
    driver: str | None = None
    gles: str | None = None
    vulkan: str | None = None
    vulkan_kind: str | None = None
    opencl: str | None = None
