"""Results are read strictly, and a cut last line costs that line only."""

from __future__ import annotations

import pytest

from sdkgen.bench.errors import DeviceError
from sdkgen.bench.samples import parse
from tests.bench.recordings import lines


def test_a_whole_record_is_complete() -> None:
    found = parse(lines([1.0, 2.0, 3.0]))
    assert found.complete
    assert [sample.total_ns for sample in found.samples] == [1_000_000, 2_000_000, 3_000_000]
    assert found.init is not None
    assert found.init.cold_ns == 8_000_000
    assert found.end is not None
    assert found.end.peak_kib == 20_480


def test_a_kill_at_any_byte_loses_at_most_one_line() -> None:
    data = lines([1.0, 2.0, 3.0])
    for cut in range(len(data)):
        whole_lines = data[:cut].count(b"\n")
        found = parse(data[:cut])
        assert len(found.samples) == max(0, min(3, whole_lines - 5))
        assert not found.complete


def test_a_record_without_all_its_samples_is_not_complete() -> None:
    data = lines([1.0, 2.0, 3.0]).replace(b'"runs": 3, "peak_kib"', b'"runs": 4, "peak_kib"')
    assert not parse(data).complete


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b"Segmentation fault\n",
        lambda data: data.replace(b'"total_ns": 2000000', b'"total_ns": "fast"'),
        lambda data: data.replace(b'"total_ns": 2000000', b'"total_ns": -5'),
        lambda data: data.replace(b'"i": 1', b'"i": 2'),
        lambda data: data + data.splitlines(keepends=True)[0],
        lambda data: data.replace(b'"type": "end"', b'"type": "party"'),
        lambda data: data.replace(b'"schema": 1', b'"schema": 2'),
        lambda data: b"\n" + data,
        lambda _: b"\x00\xff\x1b[31m\n",
    ],
)
def test_anything_else_is_garbage(damage) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DeviceError) as caught:
        parse(damage(lines([1.0, 2.0, 3.0])))
    assert caught.value.reference == "runner-garbage"
    assert caught.value.hint


def test_the_runners_own_error_is_read() -> None:
    found = parse(b'{"type":"error","reference":"backend-unavailable","message":"no GPU"}\n')
    assert found.failure is not None
    assert found.failure.reference == "backend-unavailable"
    assert not found.complete
