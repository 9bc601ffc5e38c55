"""How large the numbers inside a network get, for an error that says where they leave a format's range."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sdkgen.detection.types import Array

LARGEST_HALF = float(np.finfo(np.float16).max)


def find_excess(network: nn.Module, image: Array, limit: float) -> tuple[str, float] | None:
    """Return the first layer whose output for ``image`` exceeds ``limit``, and its largest magnitude.

    None if none does. ``image`` is (1, H, W, 3) in the range of the model's input. A NaN exceeds any limit.
    """
    found: list[tuple[str, float]] = []

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and not (largest := float(output.abs().max())) <= limit:
                found.append((name, largest))

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in network.named_modules() if name]
    try:
        with torch.inference_mode():
            network(torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 1, 2))))
    finally:
        for handle in hooks:
            handle.remove()
    return found[0] if found else None
