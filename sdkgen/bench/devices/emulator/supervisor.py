"""The process that an emulated device hangs on: it makes the namespaces, boots the device, and is its network cable.

    python supervisor.py BOOT BASE FOLDER DATA_MEGABYTES SECONDS PORT...

It listens on the first free PORT of 127.0.0.1, enters user, network and process namespaces of its own, starts BOOT in
them as process 1, waits up to SECONDS until adbd answers, and goes on in the background, passing every connection
through to adbd. adbd itself listens on all addresses and lets everyone in; inside, it reaches nothing and nobody.

In the foreground it prints the port, or an error on standard error with exit code 1. It is run as a script and imports
the standard library only, so that a device costs little.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_CHUNK = 256 * 1024


def main(boot: str, base: str, folder: str, megabytes: str, seconds: str, *ports: str) -> int:
    """Start the device, print its port and return 0 while a child goes on; see the module."""
    listener = _listen(ports)
    if listener is None:
        sys.stderr.write("none of the ports is free")
        return 1
    port = str(listener.getsockname()[1])
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        (sys.stderr if said else sys.stdout).write(said or port)
        return 1 if said else 0
    os.close(reading)
    os.setsid()
    log = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        _enter()
        device = subprocess.Popen(
            ["unshare", "--mount", "/bin/sh", boot, base, folder, megabytes, port],
            preexec_fn=lambda: ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        _await(device, int(port), float(seconds))
        # Written before anyone is told that the device runs.
        Path(folder, "running").write_text(f"{os.getpid()} {_started(os.getpid())} {port}")
    except (OSError, TimeoutError) as error:
        os.write(writing, str(error).encode())
        os._exit(1)
    os.close(writing)
    try:
        asyncio.run(_serve(listener, int(port), device))
    finally:
        device.kill()
        os._exit(0)


def _listen(ports: tuple[str, ...]) -> socket.socket | None:
    for port in ports:
        # Named as TCP, so that asyncio switches Nagle's algorithm off: else answers wait 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(port)))
            listener.listen()
        except OSError:
            listener.close()
        else:
            return listener
    return None


def _enter() -> None:
    """Enter new namespaces, in which this user is root over nothing but them, and switch the loopback device on."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWPID | _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"no user namespaces: {os.strerror(ctypes.get_errno())}")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path("/proc/self", name).write_text(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack("16xh14x", asked)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _await(device: subprocess.Popen[bytes], port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if device.poll() is not None:
                raise OSError("the device ended while it started") from error
            if time.monotonic() > deadline:
                raise TimeoutError(f"adbd did not answer within {seconds:g} s") from error
            time.sleep(0.05)
        else:
            return


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks since the machine did: with the number it is unmistakable."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


async def _serve(listener: socket.socket, port: int, device: subprocess.Popen[bytes]) -> None:
    """Pass connections through until the device ends or this process is told to."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        # Whichever side hangs up, the other hears it.
        copies = [asyncio.ensure_future(_copy(*pair)) for pair in ((reader, far_writer), (far_reader, writer))]
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for copy in copies:
            copy.cancel()
        writer.close()
        far_writer.close()

    async with await asyncio.start_server(answer, sock=listener):
        while device.poll() is None and not over.is_set():
            try:
                await asyncio.wait_for(over.wait(), 0.5)
            except TimeoutError:
                continue


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
