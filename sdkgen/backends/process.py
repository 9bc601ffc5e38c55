"""A worker script in a process of its own: native code that crashes or chatters is kept away from ours."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO


class WorkerProcess:
    """The process, with its standard input and output; what it writes to standard error is kept.

    It runs under the Python that the environment's ``variable`` names as a command, or under ours.
    """

    def __init__(
        self,
        script: Path,
        variable: str,
        flags: Sequence[str] = (),
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        buffered: bool = True,
    ) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        command = shlex.split(os.environ.get(variable, "")) or [sys.executable]
        self._process = subprocess.Popen(
            [*command, *flags, "-c", script.read_text(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            bufsize=-1 if buffered else 0,
        )

    @property
    def stdin(self) -> IO[bytes]:
        """The process's standard input."""
        assert self._process.stdin is not None  # noqa: S101
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The process's standard output."""
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdout

    @property
    def log(self) -> str:
        """What it has written to standard error so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def wait(self) -> int:
        """Return its exit code once it has ended."""
        return self._process.wait()

    def close(self) -> None:
        """End the process."""
        for stream in (self.stdin, self.stdout):
            with suppress(BrokenPipeError):  # what was not sent goes with it
                stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def start_on_gpu(script: Path, *, buffered: bool = True) -> WorkerProcess:
    """Start a worker that loads LiteRT's GPU accelerator; ``SDKGEN_GPU_PYTHON`` names its Python."""
    environment = {"XDG_RUNTIME_DIR": tempfile.gettempdir()} | os.environ
    return WorkerProcess(script, "SDKGEN_GPU_PYTHON", environment=environment, buffered=buffered)


def find_adapter(log: str) -> str:
    """Return the GPU's name as Vulkan reports it to LiteRT, which logs it; empty if none was found."""
    found = re.search(r"[Ss]elected adapter:?\s*(.+)", log)
    return found[1].strip() if found else ""
