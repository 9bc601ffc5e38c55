"""The public interface of the compiled libraries, as the bundle ships it: what a release must not change by accident.

``python -m tests.kotlin.api`` writes the templates of the dumps anew from what was compiled last.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from sdkgen import resources
from sdkgen.render.kotlin_tests import PACKAGE
from tests.kotlin.variants import TRACK_PACKAGE

HERE = Path(__file__).parent
PIPELINES = {PACKAGE: "detect", TRACK_PACKAGE: "track"}
MODULES = {"detector": "litert", "camera": "camera", "compose": "compose"}
"""The harness's module that compiles each of the bundle's."""

_KEYPOINT_FIELDS = re.compile(r"(\tpublic static final field )\w+( L\{\{ package_path \}\}/Keypoint;\n)(?:\1\w+\2)*")
_KEYPOINT_GETTERS = re.compile(r"(\tpublic final fun get)\w+( \(\)Landroid/graphics/PointF;\n)(?:\1\w+\2)+")


def dump(module: str, package: str, runtime: str = "litert") -> str:
    """Return the interface of a ``module`` of the bundle in ``package``, as compiled by the harness."""
    folder = runtime if module == "detector" else MODULES[module]
    inner = package if module == "detector" else f"{package}.{module}"
    classes = HERE / folder / "target" / "classes" / inner.replace(".", "/")
    jars = ":".join(map(str, sorted((HERE / "archives" / "target" / "abi").glob("*.jar"))))
    command = ["java", "-cp", jars, str(HERE / "ApiDump.java"), str(classes)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def template(text: str, package: str) -> str:
    """Return the template of a dump: for any package, and for whatever keypoints a model has."""
    text = text.replace(package.replace(".", "/"), "{{ package_path }}")
    loop = '{{% for keypoint in keypoint_properties | sort(attribute="constant") %}}\n{line}{{% endfor %}}\n'
    text = _KEYPOINT_FIELDS.sub(lambda m: loop.format(line=f"{m[1]}{{{{ keypoint.constant }}}}{m[2]}"), text)
    getter = "{{ keypoint.property[0] | upper }}{{ keypoint.property[1:] }}"
    return _KEYPOINT_GETTERS.sub(lambda m: loop.format(line=f"{m[1]}{getter}{m[2]}"), text)


if __name__ == "__main__":
    for package, pipeline in PIPELINES.items():
        for module in MODULES:
            folder = resources.path("templates") / "kotlin" / "api" / pipeline / module / "api"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{module}.api.j2").write_text(template(dump(module, package), package))
