"""What can go wrong between this machine and a device. ``context`` names the device by its serial."""

from __future__ import annotations

from sdkgen.errors import SdkgenError


class DeviceError(SdkgenError):
    """A device, or the way to it, failed; the reference says how."""

    reference = "device-failed"


class DeviceGone(DeviceError):  # noqa: N818  # named for what happened
    """The device, its daemon or its cable went away; ``Transport.reconnect`` may bring it back."""

    reference = "device-gone"


class DeviceUnauthorized(DeviceError):  # noqa: N818  # named for what happened
    """The device has not been told to trust this machine."""

    reference = "device-unauthorized"


class DeviceOffline(DeviceError):  # noqa: N818  # named for what happened
    """The device is listed, but does not answer."""

    reference = "device-offline"


class DeviceFull(DeviceError):  # noqa: N818  # named for what happened
    """No space is left where a file was to be written on the device."""

    reference = "device-full"


class DeviceBusy(DeviceError):  # noqa: N818  # named for what happened
    """Another process of this machine is using the device."""

    reference = "device-busy"


class TransportTimeout(DeviceError):  # noqa: N818  # named for what happened
    """A command or a transfer took longer than it was given; it may still be running on the device."""

    reference = "device-timeout"


class EmulatorError(DeviceError):
    """An emulated device cannot be made, started or stopped."""

    reference = "emulator-failed"
