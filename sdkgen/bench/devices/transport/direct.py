"""Devices spoken to directly, with no adb server: over TCP, or USB where libusb is installed."""

from __future__ import annotations

import io
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sdkgen.bench.devices.transport import sentinel
from sdkgen.bench.devices.transport.adb import SILENCE, Adb
from sdkgen.bench.devices.transport.base import MOST_IN_A_FILE, MOST_OUTPUT, Completed, Kind, Limited
from sdkgen.bench.devices.transport.files import check_space, file_error
from sdkgen.bench.devices.transport.keys import create_key, user_keys
from sdkgen.bench.devices.transport.states import error_for, remedy
from sdkgen.bench.errors import DeviceError, DeviceOffline, DeviceUnauthorized, TransportTimeout

_ANSWER = 5.0
"""Seconds that a daemon may take to answer a greeting."""
_CONSENT = 10.0
"""Seconds that the device's user has to accept this machine's key."""
_READABLE = 0o100600


class AdbDirect(Adb):
    """A ``Transport`` that speaks adb itself. Connects when first needed, and again after a failure."""

    kind: Kind = "adb-direct"

    def __init__(self, serial: str) -> None:
        """Make a transport to ``serial``: HOST:PORT, or the serial number of a USB device."""
        super().__init__(serial)
        self._device: Any = None

    def shell(self, command: str, timeout: float = 30) -> Completed:
        """See ``Transport.shell``."""
        mark = sentinel.mark()
        with self._asking(f"a command took longer than {timeout:g} s") as device:
            limited, raw = Limited(self.serial, MOST_OUTPUT), bytearray()
            # What exec_out joins; that would join what comes without end.
            for part in device._streaming_command(
                b"exec", sentinel.wrap(command, mark).encode(), timeout, timeout, timeout
            ):
                limited.take(len(part))
                raw += part
            done = sentinel.unwrap(bytes(raw), mark)
            if done is None:
                raise EOFError
            return done

    def close(self) -> None:
        """See ``Transport.close``."""
        if self._device is not None:
            with suppress(Exception):
                self._device.close()
            self._device = None

    def _revive(self) -> None:
        """Do nothing: whatever is asked connects anew if need be."""

    @contextmanager
    def _asking(self, late: str) -> Iterator[Any]:
        """Yield the connected device; turn what adb_shell raises into a ``DeviceError`` and hang up after it.

        ``late`` is what a timeout means. After a failure the two ends may disagree about what was sent: only a new
        connection is sure.
        """
        from adb_shell import exceptions

        broken = (
            exceptions.AdbCommandFailureException,
            exceptions.AdbConnectionError,
            exceptions.InvalidChecksumError,
            exceptions.InvalidCommandError,
            exceptions.InvalidResponseError,
            exceptions.UsbDeviceNotFoundError,
            exceptions.UsbReadFailedError,
            exceptions.UsbWriteFailedError,
        )
        try:
            if self._device is None:
                self._device = self._connect()
            yield self._device
        except (exceptions.AdbTimeoutError, exceptions.TcpTimeoutException, TimeoutError) as error:
            self.close()
            raise TransportTimeout(
                late, context=self.serial, hint="Give it more time, or restart the device."
            ) from error
        except _usb_errors() as error:
            self.close()
            raise DeviceOffline(
                f"USB refuses the device: {error}",
                context=self.serial,
                hint="If an adb server holds it, use that (--transport server); else let your user open USB devices.",
            ) from error
        except (*broken, OSError, EOFError, struct.error) as error:
            self.close()
            raise error_for(self.serial, str(error)) from error
        except BaseException:
            self.close()
            raise

    def _connect(self) -> Any:
        from adb_shell import exceptions
        from adb_shell.adb_device import AdbDevice, AdbDeviceUsb

        asked: list[object] = []
        host, _, port = self.serial.rpartition(":")
        if port.isdigit() and host:
            device = AdbDevice(_tcp(host.strip("[]"), int(port)), banner="sdkgen")
        else:
            device = AdbDeviceUsb(self.serial, banner="sdkgen")
        try:
            for keys in (user_keys, create_key):
                with suppress(exceptions.DeviceAuthError):
                    device.connect(
                        rsa_keys=keys(),
                        transport_timeout_s=_ANSWER,
                        read_timeout_s=_CONSENT,
                        auth_timeout_s=_CONSENT,
                        auth_callback=asked.append,
                    )
                    return device
        except (exceptions.AdbTimeoutError, exceptions.TcpTimeoutException, TimeoutError) as error:
            device.close()
            if asked:
                raise _unauthorized(self.serial) from error
            raise DeviceOffline("the device does not answer", context=self.serial, hint=remedy("offline")) from error
        except exceptions.InvalidResponseError as error:
            raise _unauthorized(self.serial) from error
        except BaseException:
            device.close()
            raise
        raise _unauthorized(self.serial)

    def _send(self, source: Path, target: str) -> None:
        try:
            self._stream(source, target)
        except (TransportTimeout, KeyError) as error:
            # adb_shell does not hear a device that gives up halfway: it waits, or takes the rest of its words for a
            # number of a table. Perhaps another has taken the space.
            check_space(self, source, target)
            if isinstance(error, KeyError):
                raise DeviceError(
                    f"the device gave up {target} halfway",
                    context=self.serial,
                    hint="Try again.",
                    reference="push-broken",
                ) from error
            raise

    def _stream(self, source: Path, target: str) -> None:
        from adb_shell.exceptions import PushFailedError

        with self._asking(f"sending {target} stood still for {SILENCE:g} s") as device:
            try:
                device.push(str(source), target, _READABLE, transport_timeout_s=SILENCE, read_timeout_s=SILENCE)
            except PushFailedError as error:
                said = error.args[0] if error.args else b""
                raise file_error(self.serial, target, bytes(said).decode("utf-8", errors="replace")) from error

    def _receive(self, source: str, target: Path) -> None:
        from adb_shell.exceptions import AdbCommandFailureException

        with self._asking(f"fetching {source} stood still for {SILENCE:g} s") as device:
            try:
                with target.open("wb") as file:
                    into = _Into(file, Limited(self.serial, MOST_IN_A_FILE))
                    device.pull(source, into, transport_timeout_s=SILENCE, read_timeout_s=SILENCE)
            except AdbCommandFailureException as error:
                raise file_error(self.serial, source, str(error)) from error


class _Into(io.BytesIO):
    """What adb_shell takes for a buffer to pull into: passes everything on to a file."""

    def __init__(self, file: BinaryIO, limited: Limited) -> None:
        super().__init__()
        self._file, self._limited = file, limited

    def write(self, data: Any) -> int:
        self._limited.take(len(data))
        return self._file.write(data)


def usb_serials() -> list[str]:
    """Return the serials of the adb devices on USB; none where the package libusb1 is not installed."""
    try:
        from adb_shell.transport.usb_transport import UsbTransport
    except (ImportError, OSError):
        return []
    return [device.serial_number for device in UsbTransport.find_all_adb_devices() if device.serial_number]


def _usb_errors() -> tuple[type[Exception], ...]:
    """Return what libusb1 raises; nothing where it is not installed."""
    try:
        import usb1
    except (ImportError, OSError):
        return ()
    return (usb1.USBError,)


def _unauthorized(serial: str) -> DeviceUnauthorized:
    return DeviceUnauthorized(
        "the device does not trust this computer yet", context=serial, hint=remedy("unauthorized")
    )


def _tcp(host: str, port: int) -> Any:
    """Return a TCP transport for adb_shell.

    adb_shell's own sends what fits into the socket's buffer and drops the rest, and asks again and again where the
    other side has hung up. This one sends everything and says so.
    """
    from adb_shell.exceptions import TcpTimeoutException
    from adb_shell.transport.base_transport import BaseTransport

    class Tcp(BaseTransport):  # type: ignore[misc]  # adb_shell is untyped
        def __init__(self) -> None:
            self._socket: socket.socket | None = None

        def connect(self, transport_timeout_s: float | None) -> None:
            self._socket = socket.create_connection((host, port), timeout=transport_timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def close(self) -> None:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

        def bulk_read(self, numbytes: int, transport_timeout_s: float | None) -> bytes:
            stream = self._stream()
            if not select.select([stream], [], [], transport_timeout_s)[0]:
                raise TcpTimeoutException(f"{host}:{port} was silent for {transport_timeout_s} s")
            if not (data := stream.recv(numbytes)):
                raise ConnectionResetError(f"{host}:{port} hung up")
            return data

        def bulk_write(self, data: bytes, transport_timeout_s: float | None) -> int:
            stream = self._stream()
            stream.settimeout(transport_timeout_s)
            stream.sendall(data)
            return len(data)

        def _stream(self) -> socket.socket:
            if self._socket is None:
                raise ConnectionResetError(f"{host}:{port} is not connected")
            return self._socket

    return Tcp()
