"""Vectors are replaced whole or not at all; the models and cases themselves stand aside here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden import generate, sequences
from tests.golden.cases import PREPROCESS, WARP


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with old vectors, for which generating writes the preprocess and warp cases alone."""
    for name in (*generate.MODELS, generate.SEQUENCES):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old.json").write_text("old")
    monkeypatch.setattr(generate, "released", lambda _: None)
    monkeypatch.setattr(generate, "postprocess_cases", lambda *_: [])
    monkeypatch.setattr(sequences, "backends", lambda: None)
    monkeypatch.setattr(sequences, "CASES", ())
    return tmp_path


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_old_vectors_make_way_for_the_new_ones(folder: Path) -> None:
    generate.main(folder)
    made = _files(folder)
    assert {f"{generate.MODELS[0]}/{case.name}.json" for case in PREPROCESS} < made
    assert {f"{generate.SEQUENCES}/{case.buffer.name}.json" for case in WARP} < made
    assert not any(Path(name).name == "old.json" for name in made)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_after_an_error_the_old_ones_are_all_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    before = _files(folder)

    def fail(*_: object) -> None:
        raise error

    # The last thing that is written.
    monkeypatch.setattr(generate, "_write_warp", fail)
    with pytest.raises(type(error)):
        generate.main(folder)
    assert _files(folder) == before
