from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen import cache


@pytest.mark.usefixtures("empty_cache")
def test_an_entry_is_made_once() -> None:
    calls = []

    def fill(folder: Path) -> None:
        calls.append(folder)
        (folder / "file").write_text("x")

    assert cache.find("kind", "key") is None
    first = cache.make("kind", "key", fill)
    assert cache.make("kind", "key", fill) == first == cache.find("kind", "key")
    assert len(calls) == 1


@pytest.mark.parametrize("damage", ["content", "extra", "missing", "listing"])
def test_a_damaged_entry_is_made_anew_with_a_warning(
    empty_cache: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    def fill(folder: Path) -> None:
        (folder / "file").write_text("good")

    content = cache.make("kind", "key", fill)
    if damage == "content":
        (content / "file").write_text("evil")
    elif damage == "extra":
        (content / "other").write_text("")
    elif damage == "missing":
        (content / "file").unlink()
    else:
        (content.parent / "sha256.json").write_text("{")
    again = cache.make("kind", "key", fill)
    assert (again / "file").read_text() == "good"
    assert "damaged; it is made anew" in capsys.readouterr().err
    assert sorted(p.name for p in (empty_cache / "kind").iterdir()) == ["key"]


def test_a_failed_build_leaves_nothing(empty_cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.make("kind", "key", fill)
    assert list((empty_cache / "kind").iterdir()) == []
