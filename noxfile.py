"""Sessions that check the project. ``nox`` runs the quick ones; ``nox --list`` shows them all.

With SDKGEN_REQUIRE_TOOLCHAINS=1 a missing tool chain fails a session instead of skipping it.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

PYTHON = "3.11"
ROOT = Path(__file__).parent
# Under ``--no-venv`` the sessions run what is installed beside nox, also where its environment is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
CONSTRAINTS = ("-c", str(ROOT / "constraints.txt"))
DEV = ("-e", ".[dev]")
HAND_WRITTEN = (
    "blazeface-front",
    "blazeface-back",
    "blazeface-full-range",
    "blazeface-paper",
    "face-landmark",
    "mobilenetv2-ssd",
)
"""The models whose networks are written by hand; the others are imported, graph by graph."""


def install(session: nox.Session, *packages: str) -> None:
    """Install packages into the session's environment; under ``--no-venv`` the caller's has them already."""
    if not isinstance(session.virtualenv, nox.virtualenv.PassthroughEnv):
        session.install(*packages, *CONSTRAINTS)


def find_gpu_python(session: nox.Session) -> str:
    """Return the command for SDKGEN_GPU_PYTHON: empty where the host's own Vulkan will do."""
    return str(session.run("python", "-m", "tests.gpu", silent=True, stderr=None) or "").strip()


@nox.session(python=PYTHON)
def lint(session: nox.Session) -> None:
    """Check style and formatting, and GitHub's workflows."""
    install(session, "ruff", "check-jsonschema", "zizmor")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    workflows = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("zizmor", "--offline", "--quiet", "--config", ".github/zizmor.yml", *workflows)


@nox.session(python=PYTHON)
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, *DEV)
    session.run("mypy")


@nox.session(python=PYTHON)
def tests(session: nox.Session) -> None:
    """Run the tests that need no tool chain beside Python's."""
    install(session, *DEV)
    marks = "not swift and not kotlin and not devices and not vulkan and not peers and not runtimes and not sweep"
    session.run("pytest", "-n", "2", "-m", marks, *session.posargs)


@nox.session(python=PYTHON)
def docs(session: nox.Session) -> None:
    """Build the documentation as a site, in site/; a link or an anchor that leads nowhere fails."""
    install(session, "zensical")
    session.run("zensical", "build", "--clean", "--strict", "--config-file", "mkdocs.yml")


@nox.session(python=PYTHON)
def wheel(session: nox.Session) -> None:
    """Build the wheel and use it outside the tree, with packages of its own; under ``--no-venv`` with the caller's."""
    install(session, "build")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--wheel", "--outdir", folder, str(ROOT))
        (file,) = Path(folder).glob("*.whl")
        site = Path(folder) / "site"
        session.run("python", "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(file))
        install(session, f"{file}[convert]")
        session.chdir(folder)
        session.env["PYTHONPATH"] = str(site)
        where = session.run("python", "-c", "import sdkgen; print(sdkgen.__file__)", silent=True)
        if not str(where).startswith(str(site)):
            session.error(f"Not the wheel's package is in use, but {where}")
        session.run("sdkgen", "models", "list")
        for target in ("android", "ios", "onnx"):
            session.run("sdkgen", "build", "--target", target, "--out", target)


@nox.session(python=PYTHON)
def base(session: nox.Session) -> None:
    """Install without extras: it must stay under 300 MB, and list, bench and report without torch."""
    session.install(".", *CONSTRAINTS)
    session.run("sdkgen", "models", "list")
    session.run("sdkgen", "report", "--help", silent=True)
    site = Path(session.virtualenv.location) / "lib"
    megabytes = sum(f.stat().st_size for f in site.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6
    session.log(f"The base install takes {megabytes:.0f} MB")
    if megabytes > 300:
        session.error("The base install must stay under 300 MB")


@nox.session(python=["3.11", "3.12", "3.13"])
def pythons(session: nox.Session) -> None:
    """Install without extras on every supported Python, and run the tests that need no more."""
    session.install(".", "pytest", *CONSTRAINTS)
    base_only = ("tests/spec", "tests/bench/results", "tests/test_files.py", "tests/test_cache.py", "tests/test_cli.py")
    session.run("pytest", "-m", "not slow and not root", *base_only, *session.posargs)


@nox.session(python=PYTHON)
def devices(session: nox.Session) -> None:
    """Run the tests against real adbds in emulated devices: through Debian's adb server, and without one."""
    install(session, *DEV)
    session.run("pytest", "-m", "devices", *session.posargs)


@nox.session(python=PYTHON)
def golden(session: nox.Session) -> None:
    """Write the golden vectors anew, and check what was written."""
    install(session, *DEV)
    session.run("python", "-m", "tests.golden.generate")
    session.run("python", "-m", "tests.swift.golden")
    session.run("python", "-m", "tests.bench.runners.reference")
    written = ["tests/golden", "tests/render/test_swift.py", "tests/bench/runners/test_reference.py"]
    session.run("pytest", *written, *session.posargs)


@nox.session(python=PYTHON)
def parity(session: nox.Session) -> None:
    """Hold artifacts to the network on what runs anywhere: LiteRT's CPU, ONNX Runtime, Core ML, Core AI."""
    _compare(session, [f"--model={name}" for name in (*HAND_WRITTEN, "palm-detection-lite")])


@nox.session(name="parity-sweep", python=PYTHON)
def parity_sweep(session: nox.Session) -> None:
    """The same for every model, the imported ones too, and on LiteRT's GPU accelerator."""
    _compare(session, ["--all"])
    command = find_gpu_python(session)
    env = {"SDKGEN_GPU_PYTHON": command, "COLUMNS": "120"}
    session.run("sdkgen", "parity", "--all", "--backend=litert-gpu", *session.posargs, env=env)


def _compare(session: nox.Session, models: list[str]) -> None:
    install(session, *DEV)
    runtimes = ["litert", "onnx", "coreml"]
    if sys.platform == "linux" and platform.machine() == "x86_64":  # where the extra dev has Core AI's packages
        runtimes.append("coreai")
    backends = [f"--backend={name}" for name in runtimes]
    session.run("sdkgen", "parity", *models, *backends, *session.posargs, env={"COLUMNS": "120"})


@nox.session(name="parity-gpu", python=PYTHON)
def parity_gpu(session: nox.Session) -> None:
    """Hold the .tflite files to the network on LiteRT's GPU accelerator, on software Vulkan if need be."""
    install(session, *DEV)
    command = find_gpu_python(session)
    session.log("The host's own Vulkan will do" if not command else "Using the Vulkan driver of a Debian 13 root")
    env = {"SDKGEN_GPU_PYTHON": command, "COLUMNS": "120"}
    models = [f"--model={name}" for name in HAND_WRITTEN]
    session.run("sdkgen", "parity", *(session.posargs or models), "--backend=litert-gpu", env=env)
    session.run("pytest", "-m", "vulkan", env=env)


@nox.session(name="lint-sweep", python=PYTHON)
def lint_sweep(session: nox.Session) -> None:
    """Ask LiteRT's GPU accelerator about every hand-made file and public model; downloads 0.7 GB once."""
    install(session, *DEV)
    command = find_gpu_python(session)
    session.run("pytest", "-s", "-m", "sweep", *session.posargs, env={"SDKGEN_GPU_PYTHON": command})


@nox.session(name="parity-macos", python=PYTHON)
def parity_macos(session: nox.Session) -> None:
    """Hold the .mlpackages to the network on Core ML itself; needs a Mac."""
    if sys.platform != "darwin":
        why = "Core ML runs on a Mac only; here the session parity runs the packages through an evaluator"
        session.error(why) if os.environ.get("SDKGEN_REQUIRE_TOOLCHAINS") == "1" else session.skip(why)
    install(session, *DEV)
    session.run("sdkgen", "parity", "--all", "--backend=coreml", *session.posargs)


@nox.session(python=PYTHON)
def peers(session: nox.Session) -> None:
    """Hold the landmarks to MediaPipe's own FaceMesh, which is installed apart; needs the network once."""
    install(session, *DEV)
    session.run("pytest", "-s", "tests/peers", *session.posargs)


@nox.session(python=PYTHON)
def runtimes(session: nox.Session) -> None:
    """Hold the .tflite files to the network, and to one partition of XNNPACK's, on older LiteRTs installed apart."""
    install(session, *DEV)
    session.run("pytest", "tests/runtimes", *session.posargs)


@nox.session(python=PYTHON)
def swift(session: nox.Session) -> None:
    """Build and test the Swift package of every model and layout; without a compiler, in a cached Debian root."""
    install(session, *DEV)
    session.run("pytest", "-m", "swift", "tests/swift", *session.posargs)


@nox.session(python=PYTHON)
def kotlin(session: nox.Session) -> None:
    """Compile the Android library of every runtime, model and layout, test it on the JVM, and pack it as an .aar."""
    install(session, *DEV)
    session.run("pytest", "-m", "kotlin", "tests/kotlin", "tests/render/test_aar.py", *session.posargs)
