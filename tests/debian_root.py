"""Debian 13 roots for tool chains that the host's own distribution lacks or has too old: Swift, a newer Mesa.

A root is made once with mmdebstrap and kept in sdkgen's cache under a name made of what is in it. Commands run in it
in a mount namespace of their own, so that nothing stays mounted on the host. Needs root, or user namespaces with
subordinate ids (``/etc/subuid``).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sdkgen import cache
from sdkgen.files import sha256_json

SUITE = "trixie"
# $0 is the root, $1 how many pairs of source and place follow to be bound, the rest what to run.
ENTER = """
set -e
mount -t tmpfs tmpfs "$0/tmp"
pairs=$1
shift
while [ "$pairs" -gt 0 ]; do
    place="$0/${2#/}"
    if [ -d "$1" ]; then mkdir -p "$place"; else mkdir -p "${place%/*}" && : >>"$place"; fi
    mount --rbind "$1" "$place"
    shift 2
    pairs=$((pairs - 1))
done
exec chroot "$0" "$@"
"""


class RootError(RuntimeError):
    """A root cannot be made here, or a command in it could not be started; says why."""


def debian_root(name: str, packages: Sequence[str]) -> Path:
    """Return a Debian 13 root with ``packages`` installed, from the cache or made now (half a minute and up).

    ``name`` only makes the folder recognisable; the content decides the key. Raises ``RootError`` with mmdebstrap's
    last words where it cannot be made.
    """
    wanted = sorted(set(packages))
    roots = cache.root() / "roots"
    target = roots / f"{name}-{sha256_json([SUITE, wanted])[:16]}"
    roots.mkdir(parents=True, exist_ok=True)
    with (roots / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _make(target, wanted)
    return target


def run_in(
    root: Path,
    command: Sequence[str],
    *,
    binds: Mapping[Path, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
    timeout: float | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``root`` and return its result, output captured as text.

    ``binds`` maps folders and files of the host to where they appear in the root. Only PATH, HOME and ``env`` are
    set. Raises ``subprocess.CalledProcessError`` if it fails and ``check`` is set.
    """
    wrapped = wrap(root, command, binds=binds, env=env, cwd=cwd)
    return subprocess.run(wrapped, capture_output=True, text=True, timeout=timeout, check=check)


def wrap(
    root: Path,
    command: Sequence[str],
    *,
    binds: Mapping[Path, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
) -> list[str]:
    """Return the command line that runs ``command`` in ``root``; for callers that stream its output.

    What the command leaves in /tmp is gone when it ends.
    """
    mounts = {Path("/proc"): "/proc", Path("/dev"): "/dev", Path("/sys"): "/sys", **(binds or {})}
    pairs = [part for source, inside in mounts.items() for part in (str(source.resolve()), inside)]
    inside_env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **(env or {})}
    environment = ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in inside_env.items())]
    enter = ["sh", "-c", 'cd "$0" && exec "$@"', cwd, *command]
    return [*_namespace(), "sh", "-c", ENTER, str(root), str(len(mounts)), *pairs, *environment, *enter]


def _namespace() -> list[str]:
    own = ["unshare", "--mount", "--propagation", "private"]
    return own if os.geteuid() == 0 else [*own, "--user", "--map-root-user", "--map-auto"]


def _make(target: Path, packages: Sequence[str]) -> None:
    if shutil.which("mmdebstrap") is None:
        raise RootError("mmdebstrap is not installed; install it with: apt-get install mmdebstrap")
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    work.chmod(0o755)
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = ["mmdebstrap", f"--mode={mode}", "--variant=minbase", f"--include={','.join(packages)}", SUITE, str(work)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RootError(f"mmdebstrap failed: {' | '.join(done.stderr.strip().splitlines()[-5:])}")
        work.rename(target)
    finally:
        if work.exists():
            _remove(work)


def _remove(folder: Path) -> None:
    """Delete a half-made root; its files belong to subordinate ids where an ordinary user made it."""
    subprocess.run([*_namespace(), "rm", "-rf", "--one-file-system", str(folder)], check=False)


if __name__ == "__main__":
    sys.stdout.write(f"{debian_root(sys.argv[1], sys.argv[2:])}\n")
