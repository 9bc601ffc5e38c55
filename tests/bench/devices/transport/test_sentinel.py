"""Exit code and standard error through one stream: against real shells, and against streams that lie."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from sdkgen.bench.devices.transport import sentinel

MARK = "mark-1"
SHELLS = [shell for shell in ("sh", "bash", "mksh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("command", "code", "stdout", "stderr"),
    [
        ("true", 0, b"", b""),
        ("exit 7", 7, b"", b""),
        ("echo out; echo err >&2; exit 255", 255, b"out\n", b"err\n"),
        ("printf 'no newline'; printf 'none here' >&2", 0, b"no newline", b"none here"),
        ("printf 'a\\n\\n\\n' >&2; false", 1, b"", b"a\n\n\n"),
        ('echo "it\'s" # a comment', 0, b"it's\n", b""),
        ("printf 'mark-0 5mark-1'", 0, b"mark-0 5mark-1", b""),
        ("cat", 0, b"", b""),
        ("kill -9 $$", 137, b"", b""),
        ("head -c 300000 /dev/zero", 0, bytes(300_000), b""),
    ],
)
def test_what_a_shell_reports(shell: str, command: str, code: int, stdout: bytes, stderr: bytes) -> None:
    raw = subprocess.run([shell, "-c", sentinel.wrap(command, MARK)], capture_output=True, check=False, timeout=20)
    done = sentinel.unwrap(raw.stdout, MARK)
    assert done is not None
    assert (done.exit_code, done.stdout) == (code, stdout)
    # A shell may have something to say about a process that was killed.
    assert done.stderr == stderr or command.startswith("kill")


@pytest.mark.parametrize("raw", [b"", b"output", b"output mark-1", b"mark-1err ", b"mark-1err -3", b"mark-1err\n0x"])
def test_a_stream_that_ends_early_has_no_result(raw: bytes) -> None:
    assert sentinel.unwrap(raw, MARK) is None


def test_marks_cannot_be_guessed() -> None:
    assert len({sentinel.mark() for _ in range(100)}) == 100
