from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdkgen import cache
from sdkgen.errors import OutputError


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


def test_processes_that_want_the_same_entry_take_turns(empty_cache: Path) -> None:
    script = (
        "import sys\nfrom sdkgen import cache\n"
        "def fill(folder):\n    (folder / 'file').write_text('x' * 100_000)\n"
        "print('ready', flush=True)\nsys.stdin.read()\n"
        "for count in range(600):\n    cache.make('kind', str(count // 3), fill, anew=count % 3 == 1)\n"
    )
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "SDKGEN_CACHE": str(empty_cache)}
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(3)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert said == ["", "", ""]


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


def test_a_cache_that_cannot_be_written_names_the_variable(empty_cache: Path) -> None:
    empty_cache.parent.mkdir(parents=True, exist_ok=True)
    empty_cache.rmdir() if empty_cache.is_dir() else None
    empty_cache.write_text("a file in its place")
    with pytest.raises(OutputError, match="SDKGEN_CACHE"):
        cache.make("kind", "key", lambda _: None)

    def fail_elsewhere(_: Path) -> None:
        raise OutputError("cannot write: no space", context="/elsewhere", hint="Free some.")

    empty_cache.unlink()
    with pytest.raises(OutputError) as caught:
        cache.make("kind", "key", fail_elsewhere)
    assert caught.value.hint == "Free some."
