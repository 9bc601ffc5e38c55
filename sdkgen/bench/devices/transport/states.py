"""The states that adb gives a device, what each means, and what to do about it."""

from __future__ import annotations

from sdkgen.bench.errors import DeviceError, DeviceGone, DeviceOffline, DeviceUnauthorized

READY = "device"
GONE_HINT = "Check its cable or network, that it is switched on, and `sdkgen devices`."

_REMEDIES = {
    READY: "",
    "unauthorized": "Unlock the device and accept this computer in the dialog “Allow USB debugging?”; if there is "
    "none, switch USB debugging off and on again in the developer options.",
    "authorizing": "Wait a moment; if it stays so, unlock the device and accept this computer.",
    "connecting": "Wait a moment.",
    "offline": "Unplug it and plug it in again, or `adb disconnect` and `adb connect` it; if that does not help, "
    "restart it.",
    "no permissions": "Let your user open USB devices: install Android's udev rules, or join the group plugdev.",
    "recovery": "Restart the device into Android.",
    "sideload": "Restart the device into Android.",
    "rescue": "Restart the device into Android.",
    "bootloader": "Restart the device into Android.",
}


def remedy(state: str) -> str:
    """Return what makes a device in ``state`` ready; empty if it is."""
    # A server adds the details: "no permissions (user in plugdev group; …)".
    for known, advice in _REMEDIES.items():
        if state == known or state.startswith((f"{known} ", f"{known};")):
            return advice
    return "Look at the device's screen and restart it into Android with USB debugging switched on."


def error_for(serial: str, message: str) -> DeviceError:
    """Return the error for what an adb server (or the loss of the connection to it) said: ``message``."""
    said = message.strip().lower()
    if "unauthorized" in said or "authorizing" in said:
        return DeviceUnauthorized(
            "the device does not trust this computer yet", context=serial, hint=_REMEDIES["unauthorized"]
        )
    if "offline" in said or "still connecting" in said or "no permissions" in said:
        state = "no permissions" if "no permissions" in said else "offline"
        return DeviceOffline(f"the device does not answer: {message}", context=serial, hint=_REMEDIES[state])
    detail = f": {message}" if message.strip() else ""
    return DeviceGone(
        f"the connection to the device was lost{detail}",
        context=serial,
        hint=GONE_HINT,
    )
