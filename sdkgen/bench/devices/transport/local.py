"""This machine itself as a device."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from pathlib import Path

from sdkgen.bench.devices.transport.base import MOST_OUTPUT, Completed, Kind, Limited
from sdkgen.bench.devices.transport.files import file_error, pull_whole, push_verified
from sdkgen.bench.errors import TransportTimeout

_CHUNK = 1 << 16


def _communicate(process: subprocess.Popen[bytes], timeout: float, limited: Limited) -> tuple[bytes, bytes]:
    """Return standard output and error of a process that ends in time and does not print without end."""
    deadline = time.monotonic() + timeout
    said: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as waiting:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                waiting.register(stream, selectors.EVENT_READ)
                said[stream.fileno()] = bytearray()
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(process.args, timeout)
            for key, _ in ready:
                if chunk := os.read(key.fd, _CHUNK):
                    limited.take(len(chunk))
                    said[key.fd] += chunk
                else:
                    waiting.unregister(key.fileobj)
        process.wait(max(0.0, deadline - time.monotonic()))
    stdout, stderr = said.values()
    return bytes(stdout), bytes(stderr)


class Local:
    """A ``Transport`` to the machine that sdkgen runs on, as the user who runs it."""

    serial = "local"
    kind: Kind = "local"

    def shell(self, command: str, timeout: float = 30) -> Completed:
        """See ``Transport.shell``. A command that takes too long is killed, with everything it started."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            stdout, stderr = _communicate(process, timeout, Limited(self.serial, MOST_OUTPUT))
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise TransportTimeout(
                    f"a command took longer than {timeout:g} s", context=self.serial, hint="Give it more time."
                ) from error
            raise
        finally:
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        # A shell reports a process that a signal ended as 128 + the signal; so does adb.
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        return Completed(code, stdout, stderr)

    def push(self, source: Path, target: str, mode: int = 0o644) -> None:
        """See ``Transport.push``."""
        push_verified(self, self._copy, source, target, mode)

    def pull(self, source: str, target: Path) -> None:
        """See ``Transport.pull``."""
        pull_whole(lambda path, work: self._copy(Path(path), str(work)), source, target)

    def reconnect(self, timeout: float) -> None:
        """Do nothing: this machine is always there."""

    def close(self) -> None:
        """Do nothing."""

    def _copy(self, source: Path, target: str) -> None:
        try:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as error:
            raise file_error(self.serial, str(error.filename or target), error.strerror or str(error)) from error
