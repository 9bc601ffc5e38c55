"""An exit code and a separate standard error over a shell service that offers neither.

Without the second version of adb's shell protocol, a device sends one stream and no exit code. The command line made
here lets standard output through as it is, keeps standard error back, and ends the stream with a mark, the exit code
and the standard error. It needs nothing but a POSIX shell: no file, no space on the device.
"""

from __future__ import annotations

import secrets
from shlex import quote

from sdkgen.bench.devices.transport.base import Completed


def mark() -> str:
    """Return a mark that no output contains by chance, and none on purpose: it is new every time."""
    return f"sdkgen-{secrets.token_hex(16)}"


def wrap(command: str, marked: str) -> str:
    """Return the command line that runs ``command`` and reports in the form that ``unwrap`` reads."""
    inner = f"sh -c {quote(command)} </dev/null"
    # Inside $( ), standard error takes the place of standard output, which goes out through descriptor 3.
    return f'exec 3>&1; said=$( {{ {inner}; }} 2>&1 1>&3 3>&-; echo " $?" ); printf \'{marked}%s\' "$said"'


def unwrap(raw: bytes, marked: str) -> Completed | None:
    """Return what ``wrap`` made the device report, or None if the stream ended too early."""
    stdout, found, rest = raw.rpartition(marked.encode())
    stderr, space, code = rest.rpartition(b" ")
    if not found or not space or not code.isdigit():
        return None
    return Completed(int(code), stdout, stderr)
