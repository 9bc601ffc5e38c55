"""Pushes that arrive damaged, and what devices say about files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.bench.devices.transport.files import file_error, pull_whole, push_verified
from sdkgen.bench.devices.transport.local import Local
from sdkgen.bench.errors import DeviceError, DeviceFull, DeviceGone


def test_a_push_that_arrives_damaged_never_reaches_its_place(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"as it should be")
    target.write_bytes(b"what was there")

    def bend(_: Path, part: str) -> None:
        Path(part).write_bytes(b"bent")

    with pytest.raises(DeviceError) as caught:
        push_verified(Local(), bend, source, str(target), 0o644)
    assert caught.value.reference == "push-damaged"
    assert target.read_bytes() == b"what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_what_a_full_device_did_take_is_removed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"much")

    def fill(_: Path, part: str) -> None:
        Path(part).write_bytes(b"mu")
        raise file_error("serial", part, "write failed: No space left on device")

    with pytest.raises(DeviceFull):
        push_verified(Local(), fill, source, str(tmp_path / "target"), 0o644)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_pull_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"from before")

    def half(_: str, work: Path) -> None:
        work.write_bytes(b"half")
        raise DeviceGone("gone")

    with pytest.raises(DeviceGone):
        pull_whole(half, "/data/x", target)
    assert target.read_bytes() == b"from before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("couldn't create file: No space left on device", "device-full"),
        ("write failed: Disk quota exceeded", "device-full"),
        ("open failed: No such file or directory", "no-such-file"),
        ("couldn't create file: Permission denied", "device-failed"),
    ],
)
def test_what_a_device_says_about_a_file(said: str, reference: str) -> None:
    error = file_error("SERIAL", "/data/x", said)
    assert (error.reference, error.context) == (reference, "SERIAL")
    assert error.hint
