"""This machine itself as a device."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from sdkgen.bench.devices.transport.base import Completed, Kind
from sdkgen.bench.devices.transport.files import file_error, pull_whole, push_verified
from sdkgen.bench.errors import TransportTimeout


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
            stdout, stderr = process.communicate(timeout=timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise TransportTimeout(
                    f"a command took longer than {timeout:g} s", context=self.serial, hint="Give it more time."
                ) from error
            raise
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
