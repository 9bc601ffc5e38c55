"""Building bundles, end to end in processes of their own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdkgen.files import sha256_path
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch
from tests.conftest import Run


@pytest.mark.parametrize("target", ["ios", "android", "onnx"])
def test_a_bundle_is_whole_and_true(run: Run, tmp_path: Path, target: str) -> None:
    done = run("build", "--target", target, "--out", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert (manifest["model"], manifest["target"]) == ("blazeface-front", target)
    (artifact, *_) = manifest["artifacts"]
    file = tmp_path / "out" / artifact["path"]
    assert artifact["sha256"] == sha256_path(file)
    assert artifact["ops"]
    assert [output["name"] for output in artifact["outputs"]] == ["predictions"]
    assert "Apache License" in (tmp_path / "out" / "LICENSE").read_text()
    assert "Google LLC" in (tmp_path / "out" / "NOTICE").read_text()
    assert (tmp_path / "out" / "README.md").read_text().startswith("# ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("target", ["ios", "android", "onnx"])
def test_same_inputs_same_bytes(run: Run, tmp_path: Path, target: str) -> None:
    """The second build starts from an empty artifact cache, in another process and another folder."""
    cache = tmp_path / "cache"
    weights = fetch.path_of(load_model("blazeface-front"))
    assert weights is not None
    digests: list[str] = []
    for name in ("a", "b"):
        shutil.rmtree(cache, ignore_errors=True)
        options = ("build", "--target", target, "--weights", weights, "--out", tmp_path / name)
        done = run(*options, SDKGEN_CACHE=str(cache), PYTHONHASHSEED=str(len(digests)))
        assert done.returncode == 0, done.stderr
        digests.append(sha256_path(tmp_path / name))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("target", ["ios", "android", "onnx"])
def test_weights_of_the_user_s_own_are_credited_to_nobody(run: Run, tmp_path: Path, target: str) -> None:
    released, own = fetch.path_of(load_model("blazeface-front")), tmp_path / "own.tflite"
    assert released is not None
    own.write_bytes(released.read_bytes() + b"own")
    assert run("build", "--target", target, "--out", tmp_path / "released").returncode == 0
    done = run("build", "--target", target, "--out", tmp_path / "out", "--weights", own, "--trust-weights", "--json")
    assert done.returncode == 0, done.stderr
    assert {artifact["weights_sha256"] for artifact in json.loads(done.stdout)["artifacts"]} == {sha256_path(own)}
    assert sha256_path(own) in (tmp_path / "out" / "NOTICE").read_text()
    assert _crediting(tmp_path / "released") > {"NOTICE"}  # the model itself too
    assert _crediting(tmp_path / "out") == set()


def _crediting(bundle: Path) -> set[str]:
    return {file.name for file in bundle.rglob("*") if file.is_file() and b"Google LLC" in file.read_bytes()}


def test_rebuilds_come_from_the_cache_without_torch(run: Run, tmp_path: Path) -> None:
    assert run("build", "--target", "onnx", "--out", tmp_path / "a").returncode == 0
    code = (
        "import sys\nfrom sdkgen.cli import main\n"
        f"sys.argv = ['sdkgen', 'build', '--target', 'onnx', '--out', {str(tmp_path / 'b')!r}]\n"
        "try:\n    main()\nfinally:\n    assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_existing_folder_is_replaced_only_if_ours_and_forced(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    done = run("build", "--target", "onnx", "--out", out, "--force")
    assert done.returncode == 1
    assert "not-a-bundle" in done.stderr
    assert (out / "thesis.tex").read_text() == "years of work"
    (out / "thesis.tex").unlink()
    assert run("build", "--target", "onnx", "--out", out).returncode == 0
    again = run("build", "--target", "onnx", "--out", out)
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert run("build", "--target", "onnx", "--out", out, "--force").returncode == 0


@pytest.mark.parametrize(
    ("options", "reference", "code"),
    [
        (("--target", "androyd"), "Did you mean android?", 2),
        (("--target", "onnx", "--model", "blazeface-bakc"), "Did you mean blazeface-back?", 2),
        (("--target", "onnx", "--model", "face-landmark"), "not-a-detector", 2),
        (("--target", "android", "--package", "com.1example"), "com.1example", 2),
        (("--target", "android", "--package", "com.example.class"), "class", 2),
        (("--target", "ios", "--name", "2Fast"), "2Fast", 2),
        (("--target", "ios", "--name", "../escape"), "../escape", 2),
        (("--target", "ios", "--aar"), "--aar is for --target android", 2),
        (("--target", "ios", "--variant", "stage-padding"), "--variant is for --target android", 2),
        (("--target", "android", "--variant", "stage-pading"), "Did you mean stage-padding?", 2),
        (("--target", "onnx", "--pipeline", "track"), "--pipeline track is for", 2),
        (("--target", "android", "--runtime", "tflit"), "Did you mean tflite?", 2),
        (("--target", "android", "--weights-bits", "8"), "--weights-bits", 2),
        (("--target", "onnx", "--weights", "missing.tflite"), "No such file", 1),
    ],
)
def test_bad_input(run: Run, tmp_path: Path, options: tuple[str, ...], reference: str, code: int) -> None:
    done = run("build", *options, "--out", "out", cwd=tmp_path)
    assert (done.returncode, reference in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_out_inside_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("build", "--target", "onnx", "--out", tmp_path / "file" / "out")
    assert done.returncode == 1
    assert "A file stands where a folder is needed" in done.stderr
    on_it = run("build", "--target", "onnx", "--out", tmp_path / "file")
    assert on_it.returncode == 1
    assert "a file stands where the bundle would go" in on_it.stderr


def test_no_permission(run: Run) -> None:
    done = run("build", "--target", "onnx", "--out", "/proc/sdkgen")
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "fix:" in done.stderr


def test_no_space(run: Run, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the write fails half way."""
    assert run("build", "--target", "onnx", "--out", tmp_path / "warm").returncode == 0
    limited = f"trap '' XFSZ; ulimit -f 48; exec {shlex.quote(sys.executable)} -m sdkgen build -t onnx -o full"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["warm"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_half_way(tmp_path: Path, number: signal.Signals, code: int) -> None:
    cache = tmp_path / "cache"
    weights = fetch.path_of(load_model("blazeface-front"))
    process = subprocess.Popen(
        [sys.executable, "-m", "sdkgen", "build", "--target", "onnx", "--weights", str(weights)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SDKGEN_CACHE": str(cache)},
    )
    assert process.stderr is not None
    while "Converting" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.parent.name != "locks"] == []
    assert [p.name for p in tmp_path.iterdir()] == ["cache"]


def test_a_damaged_cache_entry_is_rebuilt_with_a_warning(run: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    weights = fetch.path_of(load_model("blazeface-front"))
    options = ("build", "--target", "onnx", "--weights", weights, "--out")
    assert run(*options, tmp_path / "a", SDKGEN_CACHE=str(cache)).returncode == 0
    (model,) = cache.rglob("*.onnx")
    model.write_bytes(model.read_bytes()[:1000])
    done = run(*options, tmp_path / "b", SDKGEN_CACHE=str(cache))
    assert done.returncode == 0
    assert "damaged; it is made anew" in done.stderr
    assert sha256_path(tmp_path / "a") == sha256_path(tmp_path / "b")


def test_weights_of_another_model_are_named(run: Run, tmp_path: Path) -> None:
    back = fetch.path_of(load_model("blazeface-back"))
    done = run("build", "--target", "onnx", "--weights", back, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "another network: it has 37 CONV_2D" in done.stderr
    assert list(tmp_path.iterdir()) == []
