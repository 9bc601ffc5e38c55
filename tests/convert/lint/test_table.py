from __future__ import annotations

from sdkgen.convert.lint import legacy, ml_drift
from tests.convert.lint.table import PAGE, page


def test_the_page_of_rules_and_operations_is_that_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.convert.lint.table"


def test_the_tables_are_as_long_as_the_sources() -> None:
    built_in = [name for name in ml_drift.KERNELS if name.isupper() or "_" in name]
    assert len([name for name in built_in if name == name.upper()]) >= 95
    assert len(legacy.KERNELS) >= 70
