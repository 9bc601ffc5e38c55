"""What the evaluator rounds, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.backends.mil.evaluator import Evaluator
from sdkgen.backends.mil.half import to_half
from sdkgen.backends.mil.package import read
from sdkgen.detection.types import Array
from sdkgen.errors import BackendError
from tests.backends.mil_programs import Body, evaluate, noise, save


def test_rounding_is_numpys_own() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 1_000_000, dtype=np.uint32)
    every_half: Array = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
    small = noise(10_000) * np.float32(2.0**-20)
    with np.errstate(all="ignore"):
        halfway = (every_half[:-1] + every_half[1:]) * np.float32(0.5)
        for x in (bits.view(np.float32), every_half, halfway, small, noise(10_000)):
            for part in (x, x[np.abs(x) < 65520]):
                np.testing.assert_array_equal(to_half(part), part.astype(np.float16).astype(np.float32))


def test_half_arithmetic_rounds_after_each_operation(tmp_path: Path) -> None:
    """2048 + 1 is 2048 in float16, so adding one twice changes nothing; adding two at once does."""

    def body(mb: Any, x: Any) -> Any:
        return mb.add(x=mb.add(x=x, y=1.0), y=1.0)

    path = save(tmp_path, (1, 4), body, half=True)
    x = np.full((1, 4), 2048, np.float32)
    (halves,) = evaluate(path, x, "fp16")
    (floats,) = evaluate(path, x, "fp32")
    assert halves.tolist() == [[2048] * 4]
    assert floats.tolist() == [[2050] * 4]


def test_a_float32_program_is_never_rounded(tmp_path: Path) -> None:
    path = save(tmp_path, (1, 4), lambda mb, x: mb.add(x=x, y=1.0))
    (found,) = evaluate(path, np.full((1, 4), 2048, np.float32), "fp16")
    assert found.tolist() == [[2049] * 4]


def test_sums_are_kept_in_float32(tmp_path: Path) -> None:
    """A thousand ones on top of 2048: float16 sums would stay at 2048."""
    weight = np.ones((1, 1001, 1, 1), np.float32)
    path = save(tmp_path, (1, 1001, 1, 1), lambda mb, x: mb.conv(x=x, weight=weight), half=True)
    x = np.ones((1, 1001, 1, 1), np.float32)
    x[0, 0] = 2048
    (found,) = evaluate(path, x, "fp16")
    assert found.item() == 3048


def test_values_are_released_after_their_last_use(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        y = mb.relu(x=x)
        return mb.add(x=mb.relu(x=mb.add(x=y, y=1.0)), y=y)

    x = noise(1, 4)
    (found,) = evaluate(save(tmp_path, (1, 4), body), x)
    positive = np.maximum(x, 0)
    np.testing.assert_allclose(found, positive + 1 + positive)


def test_unknown_operation_is_refused_by_name(tmp_path: Path) -> None:
    program = read(save(tmp_path, (1, 4), lambda mb, x: mb.erf(x=x)))
    with pytest.raises(BackendError, match="'erf'") as caught:
        Evaluator(program)
    assert caught.value.reference == "unknown-operation"


def _ceiling_pool(mb: Any, x: Any) -> Any:
    return mb.max_pool(x=x, kernel_sizes=[2, 2], strides=[2, 2], pad_type="valid", ceil_mode=True)


def _offset_corners(mb: Any, x: Any) -> Any:
    return mb.resize_bilinear(x=x, target_size_height=4, target_size_width=4, sampling_mode="OFFSET_CORNERS")


def _interleaved(mb: Any, x: Any) -> Any:
    return mb.concat(values=[x, x], axis=1, interleave=True)


FORMS: dict[str, Body] = {"ceil_mode": _ceiling_pool, "OFFSET_CORNERS": _offset_corners, "interleave": _interleaved}


@pytest.mark.parametrize("what", FORMS)
def test_unknown_form_of_a_known_operation_is_refused(what: str, tmp_path: Path) -> None:
    path = save(tmp_path, (1, 2, 5, 5), FORMS[what])
    with pytest.raises(BackendError, match=what):
        evaluate(path, noise(1, 2, 5, 5))
