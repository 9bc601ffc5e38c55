"""Phones through devicectl, the tool for them in Xcode 15 and later: which there are, installing an app, starting it.

Its options and its JSON are those of ``xcrun devicectl help``; what it prints for people is only read for the reason of
a failure.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sdkgen.bench.devices.identity import Identity, hash_serial
from sdkgen.bench.errors import DeviceError, DeviceUnauthorized
from sdkgen.errors import UsageError

SECONDS = 300
"""What listing phones or installing an app may take."""

_HINTS: tuple[tuple[str, str, type[DeviceError]], ...] = (
    ("unlocked", "Unlock the phone and keep it unlocked.", DeviceError),
    (
        "explicitly trusted",
        "Trust the developer on the phone: Settings, General, VPN & Device Management.",
        DeviceUnauthorized,
    ),
    (
        "Developer Mode",
        "Switch it on in Settings, Privacy & Security, Developer Mode, and restart the phone.",
        DeviceUnauthorized,
    ),
    ("not paired", "Connect the phone by cable, unlock it, and trust this Mac.", DeviceUnauthorized),
)
"""Words in what devicectl says, what helps then, and what kind of error that is."""


@dataclass(frozen=True)
class Phone:
    """A phone: what Apple's tools call it, and who it is."""

    udid: str
    identity: Identity

    @classmethod
    def of(cls, udid: str) -> Phone:
        """Return a phone of which nothing is known but its identifier."""
        return cls(udid, Identity(serial_hash=hash_serial(udid), manufacturer="Apple", model="iPhone", abi="arm64"))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Hardware(_Part):
    udid: str = ""
    device_type: str = Field("", alias="deviceType")
    product_type: str = Field("", alias="productType")


class _Properties(_Part):
    name: str = ""
    version: str = Field("", alias="osVersionNumber")
    build: str = Field("", alias="osBuildUpdate")


class _Connection(_Part):
    tunnel: str = Field("unavailable", alias="tunnelState")


class _Device(_Part):
    hardware: _Hardware = Field(alias="hardwareProperties")
    properties: _Properties = Field(alias="deviceProperties")
    connection: _Connection = Field(alias="connectionProperties")


class _Devices(_Part):
    devices: list[_Device]


class _Answer(_Part):
    result: _Devices


def list_phones() -> list[Phone]:
    """Return the phones that this Mac reaches, by cable or network.

    Raises ``DeviceError`` if devicectl fails or answers in another form, ``UsageError`` if there is no phone.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "devices.json"
        _run(["list", "devices", "--json-output", str(file)], "iphone", SECONDS)
        try:
            answer = _Answer.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise DeviceError(
                f"devicectl listed the devices in a form that is not known: {error}",
                context="iphone",
                hint="Name the phone: --device UDID, as Xcode shows it in Window, Devices and Simulators.",
                reference="devicectl-garbage",
            ) from error
    phones = [
        Phone(one.hardware.udid, _identity(one))
        for one in answer.result.devices
        if one.hardware.udid and one.hardware.device_type == "iPhone" and one.connection.tunnel != "unavailable"
    ]
    if not phones:
        raise UsageError("no iPhone is connected", hint="Connect one, unlock it, and trust this Mac.")
    return phones


def install(phone: Phone, app: Path) -> None:
    """Install ``app``, a folder .app that is signed for the phone. Raises ``DeviceError``."""
    _run(["device", "install", "app", "--device", phone.udid, str(app)], phone.udid, SECONDS)


def launch(phone: Phone, bundle: str, environment: Mapping[str, str], seconds: float, ends: Sequence[str]) -> str:
    """Start the app with the identifier ``bundle`` anew, wait until it ends, and return what it printed.

    One of ``ends`` stands in the last line that it prints: after that, neither the exit status nor a devicectl that
    lingers matters. Raises ``DeviceError`` if the app cannot be started, or does not end within ``seconds``.
    """
    command = ["device", "process", "launch", "--device", phone.udid, "--console", "--terminate-existing"]
    variables = json.dumps(dict(environment), sort_keys=True)
    return _run([*command, "--environment-variables", variables, bundle], phone.udid, seconds, ends)


def _run(arguments: Sequence[str], context: str, seconds: float, ends: Sequence[str] = ()) -> str:
    command = ["xcrun", "devicectl", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=seconds,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise DeviceError(
            "there is no xcrun",
            context=context,
            hint="Install Xcode 15 or later, and run: sudo xcode-select --switch /Applications/Xcode.app",
            reference="no-xcode",
        ) from error
    except subprocess.TimeoutExpired as error:
        said = "\n".join(_text(part) for part in (error.stdout, error.stderr))
        if any(end in said for end in ends):
            return said
        raise DeviceError(
            f"devicectl gave no result within {error.timeout:g} s",
            context=context,
            hint="Unlock the phone and keep it unlocked; give it more time with --limit.",
            reference="runner-hung",
        ) from error
    said = f"{done.stdout}\n{done.stderr}"
    if done.returncode == 0 or any(end in said for end in ends):
        return said
    raise _failure(said, context)


def _failure(said: str, context: str) -> DeviceError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith("ERROR:")), lines[-1] if lines else "no message")
    for words, hint, kind in _HINTS:
        if words.lower() in said.lower():
            reason = next((line for line in lines if words.lower() in line.lower()), reason)
            return kind(f"devicectl failed: {reason[:300]}", context=context, hint=hint)
    return DeviceError(
        f"devicectl failed: {reason[:300]}",
        context=context,
        hint="Unlock the phone, check the cable, and that it appears in Xcode, Window, Devices and Simulators.",
        reference="devicectl-failed",
    )


def _identity(device: _Device) -> Identity:
    version = f"iOS {device.properties.version} ({device.properties.build})" if device.properties.version else ""
    return Identity(
        serial_hash=hash_serial(device.hardware.udid),
        manufacturer="Apple",
        model=device.hardware.product_type[:200] or "iPhone",
        device=device.properties.name[:200],
        abi="arm64",
        os=version[:200],
    )


def _text(part: str | bytes | None) -> str:
    return part.decode(errors="replace") if isinstance(part, bytes) else part or ""
