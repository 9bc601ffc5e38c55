"""Whole jobs on emulated devices: the same devices as in tests/bench/emulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.emulated.conftest import maple, twin, way, workplace

__all__ = ["maple", "twin", "way", "workplace"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent == item.path.parent and item.path.name.startswith("test_bench"):
            item.add_marker(pytest.mark.devices)
