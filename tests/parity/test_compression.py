"""What compressed weights may do to faces, and that what they do is told in figures."""

from __future__ import annotations

import re

import pytest

from sdkgen.artifact import Artifact
from sdkgen.convert import convert
from sdkgen.errors import ConvertError
from sdkgen.parity.compression import LIMITS, check_compression
from sdkgen.render.check import check_start
from sdkgen.render.selftest import landmarks, selftest
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front")


def compressed(name: str, bits: int) -> Artifact:
    return convert(load_model(name), "coreml", precision="fp32", weights_bits=bits)


def check(name: str, bits: int) -> None:
    check_compression(compressed(name, bits), load_model(name), FRONT)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("blazeface-front", 8),
        pytest.param("blazeface-back", 8, marks=pytest.mark.slow),
        pytest.param("blazeface-full-range", 8, marks=pytest.mark.slow),
        pytest.param("blazeface-full-range", 6, marks=pytest.mark.slow),
        pytest.param("face-landmark", 8, marks=pytest.mark.slow),
        pytest.param("face-landmark", 6, marks=pytest.mark.slow),
    ],
)
def test_models_that_find_the_same_pass_and_start(name: str, bits: int) -> None:
    check(name, bits)
    spec, package = load_model(name), compressed(name, bits).path
    golden = landmarks(spec, package) if spec.landmarks else selftest(spec, None, package)
    for precision in ("fp16", "fp32"):
        check_start(convert(spec, "coreml", precision=precision, weights_bits=bits), spec, golden)


def test_faces_that_move_are_refused_with_figures() -> None:
    with pytest.raises(ConvertError) as caught:
        check("blazeface-front", 6)
    assert caught.value.reference == "too-few-bits"
    found = re.search(r"13 of 13 faces .* overlap by ([0-9.]+) .* off by ([0-9.]+)% of", caught.value.message)
    assert found is not None
    assert float(found[1]) < LIMITS.iou
    assert float(found[2]) > 100 * LIMITS.keypoint


@pytest.mark.slow
def test_faces_that_are_lost_are_refused() -> None:
    with pytest.raises(ConvertError, match=r"does not find .*: \d+ of 13 faces"):
        check("blazeface-back", 6)


def test_the_golden_input_is_of_the_compressed_weights() -> None:
    package = compressed("blazeface-front", 8).path
    assert selftest(FRONT, None, package) != selftest(FRONT)
    # The picture is the same.
    pixels = 20 + 3 * FRONT.input.width * FRONT.input.height
    assert selftest(FRONT, None, package)[:pixels] == selftest(FRONT)[:pixels]


def test_an_untrained_model_has_no_faces_to_lose() -> None:
    check("blazeface-paper", 6)
