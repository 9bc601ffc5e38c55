"""The lock on the device itself: one bench at a time, whoever runs it and on whichever machine.

A small process on the device holds an flock for as long as the bench renews its lease. A cable that comes back in time
finds the lock still held; a bench that was killed loses it after ``LEASE_MINUTES``, or at once to the next bench of the
same owner. Whatever was changed on the device for the time of the bench is then put back by the file ``undo``.
"""

from __future__ import annotations

import getpass
import platform
import shlex
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sdkgen.bench.devices import state
from sdkgen.bench.errors import DeviceBusy, DeviceError, DeviceFull
from sdkgen.bench.sessions.workspace import Workspace
from sdkgen.errors import SdkgenError
from sdkgen.files import unwritable

LEASE_MINUTES = 5
_NO_LOCKS, _BUSY, _FULL = 3, 4, 5
_RELEASE = "[ -f undo ] && sh undo; rm -f undo lease owner"
_END = "kill -9 -$(cat holder 2>/dev/null) 2>/dev/null; rm -f holder"


@contextmanager
def hold_device(workspace: Workspace) -> Iterator[None]:
    """Hold the device during the block; raises ``DeviceBusy`` if another owner has it, ``DeviceFull`` if it is full.

    A device without flock is held by the lock on this machine alone, and so is this machine itself.
    """
    if workspace.transport.kind == "local":
        yield
        return
    done = workspace.shell(_acquire(workspace.root, _owner(), uuid.uuid4().hex))
    if done.exit_code == _BUSY:
        holder = done.text.partition(" ")[2][:120] or "an unknown owner"
        raise DeviceBusy(
            f"the device is in use by {holder}",
            context=workspace.transport.serial,
            hint=f"Wait until that is done; a bench that was killed gives it up after {LEASE_MINUTES} minutes.",
        )
    if done.exit_code == _FULL:
        raise DeviceFull(
            "no space is left on the device, not even for the name of its owner",
            context=workspace.transport.serial,
            hint="Free some in /data.",
        )
    if done.exit_code not in (0, _NO_LOCKS):
        raise DeviceError(
            f"the device cannot be locked: {done.stderr.decode(errors='replace')[:200]}",
            context=workspace.transport.serial,
            hint="Free space in /data/local/tmp, and check that the shell may write there.",
        )
    workspace.lease = f"{workspace.root}/lease" if done.exit_code == 0 else ""
    try:
        yield
    finally:
        workspace.lease = ""
        with suppress(SdkgenError):
            workspace.transport.shell(f"cd {shlex.quote(workspace.root)} && {{ {_RELEASE}; {_END}; }}")


def _acquire(root: str, owner: str, token: str) -> str:
    """Return the command that starts the holder, after ending one that this owner left behind.

    Exits 0 with the lock held, 4 with the other owner's line where it is taken, 3 where the device has no flock, 5
    where nothing can be written to it.
    """
    fresh = f'[ -n "$(find lease -mmin -{LEASE_MINUTES} 2>/dev/null)" ]'
    holder = (
        f"flock -n 9 || exit 1; echo $$ >holder; {{ {_RELEASE}; }} 2>/dev/null; touch lease; "
        f"echo {token} {shlex.quote(owner)} >owner || {{ rm -f lease owner holder; exit 1; }}; "
        f"while {fresh}; do sleep 5; done; {_RELEASE} holder"
    )
    mine = shlex.quote(owner)
    return f"""
mkdir -p {shlex.quote(root)} && cd {shlex.quote(root)} || exit 1
command -v flock >/dev/null || exit {_NO_LOCKS}
flock -n 9 9>>lock
if [ $? -eq 1 ] && read -r _ who 2>/dev/null <owner && [ "$who" = {mine} ]; then {_END}; fi
setsid sh -c {shlex.quote(holder)} </dev/null >/dev/null 2>&1 9>>lock &
i=0
while [ $i -lt 50 ]; do
  read -r token who 2>/dev/null <owner
  [ "$token" = {token} ] && exit 0
  kill -0 $! 2>/dev/null || break
  sleep 0.1
  i=$((i + 1))
done
if [ -z "$token" ] && ! {{ echo probe >probe; }} 2>/dev/null; then rm -f probe; exit {_FULL}; fi
rm -f probe
echo "$token $who"
exit {_BUSY}
"""


def _owner() -> str:
    """Return who holds devices from here: user and host, and a word that tells two of one name apart."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        user = "somebody"
    file = state.root() / "owner"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(uuid.uuid4().hex[:8])
        return f"{user}@{platform.node() or 'host'} ({file.read_text()[:8]})"
    except OSError as error:
        raise unwritable(file, error) from error
