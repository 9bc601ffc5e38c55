"""What an Android SDK adds to an app: the sums, and that a figure that is not known is not made up."""

from __future__ import annotations

import pytest

from sdkgen.bundle import RUNTIMES
from sdkgen.render.apk_size import ABIS, PHONES, apk_bytes, phrases


def test_with_abi_filters_only_their_libraries_count() -> None:
    size = apk_bytes("tflite", 1_000_000)
    assert size.runtime_by_abi is not None
    assert size.total(PHONES[:1]) == 1_000_000 + 3_401_672 + 1_962_408
    assert size.total(PHONES) == 1_000_000 + sum(size.runtime_by_abi[abi] for abi in PHONES)
    assert size.total() == 1_000_000 + sum(size.runtime_by_abi.values())
    assert list(size.runtime_by_abi) == list(ABIS)


def test_what_was_not_measured_has_no_total() -> None:
    size = apk_bytes("litert", 1_000_000)
    assert size.runtime_by_abi is None
    assert size.total() is None
    assert "not measured" in size.runtime_source
    assert "1.0 MB" in phrases(size)[0]


def test_runtime_outside_the_app_adds_nothing() -> None:
    assert apk_bytes("play-services", 5).total() == 5


@pytest.mark.parametrize("runtime", RUNTIMES["android"])
def test_every_runtime_says_where_its_figures_are_from(runtime: str) -> None:
    assert apk_bytes(runtime, 1).runtime_source
    assert all(sentence.endswith(".") for sentence in phrases(apk_bytes(runtime, 1)))
