"""One bench a device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sdkgen.bench.devices.locks import device_lock
from sdkgen.bench.errors import DeviceBusy

HOLD = """
import time
from sdkgen.bench.devices.locks import device_lock
with device_lock("aa", "x"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path))


def test_a_second_user_is_refused_and_told_who_holds_it_until_the_first_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DeviceBusy, match=f"process {holder.pid}") as caught, device_lock("aa", "the phone"):
            pytest.fail("held twice")
        assert caught.value.context == "the phone"
        with device_lock("bb", "another phone"):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with device_lock("aa", "the phone"):
            pass


def test_two_threads_exclude_each_other_and_can_wait() -> None:
    released = threading.Event()

    def hold() -> None:
        with device_lock("aa", "x"):
            taken.set()
            released.wait(10)

    taken = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(10)
    with pytest.raises(DeviceBusy), device_lock("aa", "x"):
        pytest.fail("held twice")
    threading.Timer(0.3, released.set).start()
    started = time.monotonic()
    with device_lock("aa", "x", wait=5):
        assert time.monotonic() - started > 0.2
    thread.join()
