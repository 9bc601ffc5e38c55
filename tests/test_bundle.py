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
from tests.weights.files import Change, enlarge_and_shrink, enlarge_first_layer, enlarge_kernel, put_nan, write_changed


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
    assert (manifest["precision"], manifest["outputs_layout"]) == ("fp16", "joined")
    assert manifest.get("variant") == artifact.get("variant") == ("sliced-padding" if target == "android" else None)
    assert [output["name"] for output in artifact["outputs"]] == ["predictions"]
    assert "Apache License" in (tmp_path / "out" / "LICENSE").read_text()
    assert "Google LLC" in (tmp_path / "out" / "NOTICE").read_text()
    assert (tmp_path / "out" / "README.md").read_text().startswith("# ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    assets = tmp_path / "out" / "detector" / "src" / "main" / "assets"
    own = sum(file.stat().st_size for file in assets.rglob("*") if file.is_file())
    assert manifest.get("apk_bytes", {}).get("assets", 0) == own
    assert ("apk_bytes" in manifest) == (own > 0) == (target == "android")


@pytest.mark.parametrize(
    ("options", "fields", "words"),
    [
        (
            ("--target", "android", "--variant", "stage-padding", "--outputs", "standard"),
            {"variant": "stage-padding", "outputs_layout": "standard", "input_type": "float", "precision": "fp16"},
            ("variant stage-padding", "outputs standard", "precision fp16"),
        ),
        (
            ("--target", "ios", "--weights-bits", "8", "--outputs", "standard"),
            {"weights_bits": 8, "outputs_layout": "standard", "precision": "fp16"},
            ("weights 8 bits", "outputs standard", "precision fp16"),
        ),
        (
            ("--target", "onnx", "--precision", "fp32", "--outputs", "standard"),
            {"outputs_layout": "standard", "precision": "fp32"},
            ("outputs standard", "precision fp32"),
        ),
    ],
)
def test_a_bundle_names_what_decides_its_bytes(
    run: Run, tmp_path: Path, options: tuple[str, ...], fields: dict[str, object], words: tuple[str, ...]
) -> None:
    done = run("build", *options, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {name: manifest[name] for name in fields} == fields
    for artifact in manifest["artifacts"]:
        told = {name: artifact[name] for name in fields if name != "precision"}
        assert told == {name: value for name, value in fields.items() if name != "precision"}
    notice = (tmp_path / "out" / "NOTICE").read_text()
    readme = (tmp_path / "out" / "README.md").read_text().replace("| ", "").replace(" |", "")
    for word in words:
        assert word in notice
        assert word.split(" ", 1)[1] in readme


@pytest.mark.parametrize(
    ("runtime", "suffixes"),
    [("both", [".aimodel", ".aimodel", ".mlpackage", ".mlpackage"]), ("coreai", [".aimodel", ".aimodel"])],
)
def test_core_ai_is_shipped_beside_core_ml_or_alone(
    run: Run, tmp_path: Path, runtime: str, suffixes: list[str]
) -> None:
    pytest.importorskip("coreai_torch", reason="needs the extra coreai", exc_type=ImportError)
    done = run("build", "--target", "ios", "--runtime", runtime, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["runtime"] == runtime
    assert [Path(artifact["path"]).suffix for artifact in manifest["artifacts"]] == suffixes
    for artifact in manifest["artifacts"]:
        assert artifact["sha256"] == sha256_path(tmp_path / "out" / artifact["path"])
        assert artifact["bytes"] > 100_000
    assert {"coreai-core", "coreai-torch", "torch"} <= manifest["tools"].keys()
    assert manifest["requires"]["coreai"]["systems"]["iOS"] == "27.0"
    assert ("coreml" in manifest["requires"]) == ("coremltools" in manifest["tools"]) == (runtime == "both")
    package = (tmp_path / "out" / "Package.swift").read_text()
    assert ('.iOS("27.0")' in package) == (runtime == "coreai")
    assert '"blazeface_front_fp16.aimodel"' in package
    assert (tmp_path / "out" / "Scripts" / "compile-models.sh").exists() == (runtime == "both")
    assert "through Core AI" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("options", [("--weights-bits", "8"), ("--outputs", "standard")])
@pytest.mark.parametrize("runtime", ["both", "coreai"])
def test_what_core_ml_alone_has_is_refused_beside_core_ai(
    run: Run, tmp_path: Path, runtime: str, options: tuple[str, str]
) -> None:
    done = run("build", "--target", "ios", "--runtime", runtime, *options, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "for Core ML alone" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
@pytest.mark.parametrize("target", ["ios", "android", "onnx"])
def test_weights_with_nan_are_refused_at_once(run: Run, tmp_path: Path, target: str, precision: str) -> None:
    weights = write_changed(tmp_path / "own.tflite", put_nan)
    options = ("--target", target, "--precision", precision, "--weights", weights, "--trust-weights")
    done = run("build", *options, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "error[weights-not-finite] 1 of 1,800 numbers of stem.0.weight are not finite: nan" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own.tflite"]


@pytest.mark.parametrize("target", ["ios", "android", "onnx"])
def test_a_kernel_beyond_half_is_refused_unless_in_float32(run: Run, tmp_path: Path, target: str) -> None:
    weights = write_changed(tmp_path / "own.tflite", enlarge_kernel)
    options = ("--target", target, "--trust-weights", "--out", tmp_path / "out")
    done = run("build", *options, "--weights", weights)
    assert done.returncode == 1
    assert "error[beyond-half] stages.0.1.pointwise.weight holds" in done.stderr
    assert "--precision fp32" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own.tflite"]
    write_changed(weights, enlarge_and_shrink(1e6))
    done = run("build", *options, "--weights", weights)
    assert "error[beyond-half] stages.0.1.depthwise.weight holds" in done.stderr
    whole = run("build", *options, "--weights", weights, "--precision", "fp32")
    assert whole.returncode == 0, whole.stderr


def test_outputs_out_of_all_proportion_are_refused_in_float32_too(run: Run, tmp_path: Path) -> None:
    weights = write_changed(tmp_path / "own.tflite", enlarge_kernel)
    options = ("--target", "ios", "--precision", "fp32", "--trust-weights", "--out", tmp_path / "out")
    done = run("build", *options, "--weights", weights)
    assert done.returncode == 1
    assert "error[fails-self-test] blazeface-front in fp32" in done.stderr
    assert "The network itself gives numbers up to 2,818," in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own.tflite"]


@pytest.mark.parametrize("change", [enlarge_first_layer, enlarge_and_shrink(12_000)])
def test_activations_beyond_half_are_refused_where_arithmetic_is_in_half(
    run: Run, tmp_path: Path, change: Change
) -> None:
    weights = write_changed(tmp_path / "own.tflite", change)
    options = ("--weights", weights, "--trust-weights", "--out", tmp_path / "out")
    done = run("build", "--target", "ios", *options)
    assert done.returncode == 1
    assert "error[fails-self-test] blazeface-front in fp16 would fail its self-test" in done.stderr
    assert "half ends at 65,504" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own.tflite"]
    whole = run("build", "--target", "ios", "--precision", "fp32", *options)
    assert whole.returncode == 0, whole.stderr


def test_six_bits_are_refused_with_figures_where_faces_move(run: Run, tmp_path: Path) -> None:
    done = run("build", "--target", "ios", "--weights-bits", "6", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "error[too-few-bits] with weights in 6 bits blazeface-front does not find what it finds" in done.stderr
    assert "(10% is allowed)" in done.stderr
    assert "or choose 8" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["ios", "android"])
def test_the_network_of_the_paper_could_start(run: Run, tmp_path: Path, target: str) -> None:
    done = run("build", "--target", target, "--model", "blazeface-paper", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr


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


def test_bytes_in_are_for_the_runtime_whose_gpu_takes_them(run: Run, tmp_path: Path) -> None:
    done = run("build", "--target", "android", "--input", "bytes", "--out", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (artifact,) = json.loads(done.stdout)["artifacts"]
    assert (artifact["input_type"], artifact["inputs"][0]["dtype"]) == ("bytes", "uint8")
    engine = next((tmp_path / "out").rglob("LiteRtEngine.kt")).read_text()
    assert "inputs[0].writeInt8(input)" in engine
    refused = run("build", "--target", "android", "--input", "bytes", "--runtime", "tflite", "--out", "t", cwd=tmp_path)
    assert refused.returncode == 1
    assert "falls-off-the-gpu" in refused.stderr
    assert "it casts uint8 to float32" in refused.stderr
    assert not (tmp_path / "t").exists()
    refused = run("build", "--target", "ios", "--input", "bytes", "--out", "i", cwd=tmp_path)
    assert (refused.returncode, "hands over bytes already" in refused.stderr) == (2, True)


def test_a_bundle_is_built_in_the_folder_that_one_stands_in(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "sdk"
    folder.mkdir()
    for options in ((), ("--force",)):
        before = folder.stat().st_ino
        done = run("build", "--target", "onnx", "--out", ".", *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert folder.stat().st_ino == before
        assert (folder / "manifest.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["sdk"]


@pytest.mark.parametrize("command", [("build", "--target", "onnx"), ("detect", "x.png"), ("eval", "--data", "x")])
def test_trust_without_weights_is_refused(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, "--trust-weights")
    assert done.returncode == 2
    assert "--trust-weights is about the file of --weights" in done.stderr
