"""A phone stays awake while it is measured, and is left as it was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.bench.devices.transport.local import Local
from sdkgen.bench.runners.programs import LiteRtRunner
from sdkgen.bench.sessions.awake import kept_awake
from sdkgen.bench.sessions.workspace import Workspace
from tests.bench.pretend import Pretend


def workspace(device: Local) -> Workspace:
    return Workspace(device, LiteRtRunner(), "/root", "/root/kit", {})


@pytest.mark.parametrize(
    ("before", "back"),
    [("3", "settings put global stay_on_while_plugged_in 3"), ("null", "svc power stayon false")],
)
def test_the_setting_is_put_back_whatever_happens(tmp_path: Path, before: str, back: str) -> None:
    log = tmp_path / "log"
    settings = f'case $1 in get) echo {before};; *) echo settings "$@" >>{log};; esac'
    device = Pretend(settings=settings, svc=f'echo svc "$@" >>{log}')
    with pytest.raises(KeyboardInterrupt), kept_awake(workspace(device)):
        assert log.read_text() == "svc power stayon true\n"
        raise KeyboardInterrupt
    assert log.read_text().splitlines() == ["svc power stayon true", back]


def test_a_device_without_the_setting_is_left_alone() -> None:
    device = Pretend(svc="return 127", settings="return 127")
    with kept_awake(workspace(device)):
        assert device.calls == 1
    assert device.calls == 1
    with kept_awake(workspace(Local())):
        pass
