"""Writing an .mlpackage whose bytes depend on nothing but the model.

coremltools gives a package random identifiers, the date of the conversion, and maps in the order of a hash. Here the
identifiers are derived from what they name, the date is left out, and the model is serialised in a fixed order.
"""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from sdkgen.files import whole_folder

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "com.apple.CoreML")
_MODEL = "com.apple.CoreML/model.mlmodel"
_WEIGHTS = "com.apple.CoreML/weights"
_DATE = "com.github.apple.coremltools.conversion_date"


def write(model: Any, target: Path) -> None:
    """Write a converted coremltools ``MLModel`` to the folder ``target``, which appears whole or not at all.

    Raises ``OutputError`` where it cannot be written.
    """
    spec = model.get_spec()
    del spec.description.metadata.userDefined[_DATE]
    with whole_folder(target) as work:
        (work / "Data" / _WEIGHTS).mkdir(parents=True)
        (work / "Data" / _MODEL).write_bytes(spec.SerializeToString(deterministic=True))
        shutil.copyfile(Path(model.weights_dir) / "weight.bin", work / "Data" / _WEIGHTS / "weight.bin")
        (work / "Manifest.json").write_text(json.dumps(_manifest(), indent=4) + "\n")


def _manifest() -> dict[str, Any]:
    items = {_MODEL: "CoreML Model Specification", _WEIGHTS: "CoreML Model Weights"}
    entries = {
        _identifier(path): {
            "author": "com.apple.CoreML",
            "description": description,
            "name": Path(path).name,
            "path": path,
        }
        for path, description in items.items()
    }
    return {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": dict(sorted(entries.items())),
        "rootModelIdentifier": _identifier(_MODEL),
    }


def _identifier(path: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, path)).upper()
