"""The Debian roots that emulated devices stand on: made once by mmdebstrap, cached, and shared."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from sdkgen import cache, console
from sdkgen.bench.devices.locks import locked
from sdkgen.bench.errors import EmulatorError
from sdkgen.files import sha256_json, whole_folder
from sdkgen.spec.device import Recipe

_SUITE = "trixie"
_PACKAGES = ("adbd", "procps")
"""Android's daemon, and the process tools that a phone's toybox has."""
_GPU_PACKAGES = ("mesa-vulkan-drivers", "vulkan-tools")
_PATIENCE = 1800.0
"""Seconds to wait while another process makes the same root."""
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_QEMU = {"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}
_MACHINES = {"amd64": ("x86_64", "AMD64"), "arm64": ("aarch64", "arm64")}


def base(recipe: Recipe) -> Path:
    """Return the unpacked root for ``recipe``, made if it is not there. It is shared: do not write to it.

    Raises ``EmulatorError`` if a program or the kernel lacks what is needed, or mmdebstrap fails.
    """
    ensure_runnable(recipe.architecture)
    plan = {
        "suite": _SUITE,
        "architecture": recipe.architecture,
        "packages": [*_PACKAGES, *(_GPU_PACKAGES if recipe.gpu.kind != "none" else ())],
        "version": 1,
    }
    key = sha256_json(plan)
    unpacked = cache.root() / "roots-unpacked" / key
    # Two who make one root at once would put the second in the place of the first, under the devices that stand on it.
    busy = f"the Debian root for {recipe.architecture}"
    with locked(unpacked.with_suffix(".lock"), busy, str(unpacked), wait=_PATIENCE):
        if unpacked.is_dir():
            return unpacked
        archive = cache.make("roots", key, lambda folder: _build(plan, folder / "root.tar"))
        with console.status(f"unpacking the Debian root for {recipe.architecture}"), whole_folder(unpacked) as work:
            # Devices get nodes of their own in /dev; an ordinary user could not make these, nor give files away.
            _run(["tar", "-xf", str(archive / "root.tar"), "-C", str(work), "--no-same-owner", "--exclude=./dev/*"])
        return unpacked


def ensure_runnable(architecture: str) -> None:
    """See to it that the kernel runs programs of ``architecture``; as root, register qemu-user where it is installed.

    Raises ``EmulatorError`` that says what is missing.
    """
    if platform.system() != "Linux":
        raise EmulatorError(
            "emulated devices need Linux",
            hint="Plug in a phone, or use a Linux machine or virtual machine.",
            reference="emulator-unsupported",
        )
    if platform.machine() in _MACHINES[architecture] or _registered(architecture):
        return
    if os.geteuid() == 0 and shutil.which("update-binfmts"):
        if not (_BINFMT / "register").exists():
            subprocess.run(
                ["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)], capture_output=True, check=False
            )
        subprocess.run(["update-binfmts", "--enable", _QEMU[architecture]], capture_output=True, check=False)
    if not _registered(architecture):
        raise EmulatorError(
            f"this machine does not run {architecture} programs",
            context=str(_BINFMT / _QEMU[architecture]),
            hint="Install qemu-user: apt install qemu-user-static binfmt-support, and run this once as root.",
            reference="no-qemu",
        )


def _registered(architecture: str) -> bool:
    """Return whether qemu-user is registered, and opened beforehand (F): a device's root does not contain it."""
    try:
        lines = (_BINFMT / _QEMU[architecture]).read_text().splitlines()
    except OSError:
        return False
    return "enabled" in lines and any(line.startswith("flags:") and "F" in line for line in lines)


def _build(plan: dict[str, object], archive: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise EmulatorError(
            "mmdebstrap is not installed",
            hint="Install it: apt install mmdebstrap",
            reference="no-mmdebstrap",
        )
    packages = plan["packages"]
    assert isinstance(packages, list)  # noqa: S101  # for the type checker
    with console.status(f"making a Debian root for {plan['architecture']} (once; half a minute to three minutes)"):
        _run(
            [
                "mmdebstrap",
                "--variant=minbase",
                "--skip=check/qemu",  # wants arch-test; ensure_runnable has looked
                f"--architectures={plan['architecture']}",
                f"--include={','.join(packages)}",
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                str(plan["suite"]),
                str(archive),
            ]
        )


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-4:]
        hint = "Check the network and the disk, then try again."
        if "subuid" in done.stderr or "newuidmap" in done.stderr:
            hint = (
                "Let your user have subordinate ids: apt install uidmap, and a line for it in /etc/subuid and subgid."
            )
        raise EmulatorError(f"{command[0]} failed: {' / '.join(last)}", context=" ".join(command), hint=hint)
