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
    """Return the command line that runs ``command`` in ``root``; for callers that stream its output."""
    mounts = {Path("/proc"): "/proc", Path("/dev"): "/dev", Path("/sys"): "/sys", **(binds or {})}
    script = ["set -e"]
    arguments: list[str] = []
    for source, inside in mounts.items():
        place = root / inside.lstrip("/")
        _make_mount_point(place, folder=source.is_dir())
        arguments += [str(source.resolve()), str(place)]
        script.append(f'mount --rbind "${{{len(arguments) - 1}}}" "${{{len(arguments)}}}"')
    script.append(f"shift {len(arguments)}")
    script.append('exec chroot "$@"')
    inside_env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **(env or {})}
    enter = ["sh", "-c", 'cd "$0" && exec "$@"', cwd, *command]
    settings = [f"{key}={value}" for key, value in inside_env.items()]
    chroot = [str(root), "/usr/bin/env", "-i", *settings, *enter]
    return [*_namespace(), "sh", "-c", "; ".join(script), "sh", *arguments, *chroot]


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
        # Mount points for files and folders are made by whoever runs a command, who may not be the root's owner.
        work.rename(target)
    finally:
        if work.exists():
            _remove(work)


def _remove(folder: Path) -> None:
    """Delete a half-made root; its files belong to subordinate ids where an ordinary user made it."""
    subprocess.run([*_namespace(), "rm", "-rf", "--one-file-system", str(folder)], check=False)


def _make_mount_point(place: Path, *, folder: bool) -> None:
    if place.exists():
        return
    make = (
        ["mkdir", "-p", str(place)]
        if folder
        else ["sh", "-c", 'mkdir -p "$(dirname "$1")" && : > "$1"', "sh", str(place)]
    )
    subprocess.run([*_namespace(), *make], check=True)


if __name__ == "__main__":
    sys.stdout.write(f"{debian_root(sys.argv[1], sys.argv[2:])}\n")
