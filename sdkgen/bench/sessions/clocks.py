"""Fixed clocks for the time of a bench: ``--lock-clocks``.

What puts them back is written to the device before anything is changed: the end of the bench runs it, or the device
itself once the bench's lease has run out (see ``lease.py``), or the next bench.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sdkgen.bench.errors import DeviceError
from sdkgen.bench.sessions.workspace import Workspace
from sdkgen.errors import SdkgenError

_FIXED_PERFORMANCE = "cmd power set-fixed-performance-mode-enabled"
_GOVERNORS = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"
_REFUSED = 5


@contextmanager
def lock_clocks(workspace: Workspace) -> Iterator[None]:
    """Fix the device's clocks during the block, and put them back after it, whatever happens.

    Android's own mode for benchmarks where it has one, which lets the clocks stay where heat cannot move them; as root,
    each processor's governor "performance". Raises ``DeviceError`` where neither is allowed.
    """
    root = shlex.quote(workspace.root)
    done = workspace.shell(f"mkdir -p {root} && cd {root} || exit 1; {_LOCK}")
    if done.exit_code:
        raise DeviceError(
            "the device does not let its clocks be fixed",
            context=workspace.transport.serial,
            hint="It takes root, or Android 11's fixed-performance mode, if its maker has it. Leave --lock-clocks out.",
            reference="clocks-not-lockable",
        )
    try:
        yield
    finally:
        with suppress(SdkgenError):
            workspace.shell(f"cd {root} && [ -f undo ] && {{ sh undo; rm -f undo; }}")


_LOCK = f"""
if [ -e /system/bin/cmd ]; then
  echo "{_FIXED_PERFORMANCE} false" >undo
  {_FIXED_PERFORMANCE} true >/dev/null 2>&1 && exit 0
  rm -f undo
fi
[ "$(id -u)" = 0 ] || exit {_REFUSED}
: >undo
for at in {_GOVERNORS}; do read -r was 2>/dev/null <"$at" && echo "echo $was >$at" >>undo; done
[ -s undo ] || {{ rm -f undo; exit {_REFUSED}; }}
for at in {_GOVERNORS}; do
  echo performance 2>/dev/null >"$at" || {{ sh undo 2>/dev/null; rm -f undo; exit {_REFUSED}; }}
done
"""
