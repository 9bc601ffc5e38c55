"""The fixed model of every session: the file is what its source makes, and computes something."""

from __future__ import annotations

import numpy as np
import pytest

from sdkgen.tflite import flatbuffer
from tests.bench.runners import reference
from tests.convert.tiny import run


def test_the_file_is_what_its_source_makes() -> None:
    assert reference.path().read_bytes() == reference.make()


def test_it_computes_finite_numbers_that_depend_on_the_input() -> None:
    model = flatbuffer.read(reference.path())
    image = np.linspace(0, 1, 32 * 32 * 16, dtype=np.float32).reshape(1, 32, 32, 16)
    found = run(model, image)
    assert found.shape == image.shape
    assert np.isfinite(found).all()
    assert 0 < found.max() < 100
    assert found != pytest.approx(run(model, image[:, ::-1]))
