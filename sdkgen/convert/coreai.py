"""Core AI: a network becomes an .aimodel, which iOS 27 and later run.

The same arguments yield the same bytes: the date that coreai-core stamps is made constant, and the places
in Python source that coreai-torch records for a debugger are left out. coreai-core 1.0.0b3 keeps three files in the
folder: ``main.mlirb``, the program; ``main.hash``, its sha256 in 32 bytes; ``metadata.json``.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sdkgen.artifact import Layout, Precision, TensorRecord, tool_versions
from sdkgen.backends import coreai as backend
from sdkgen.convert.heads import joined, output_names
from sdkgen.errors import ConvertError, MissingExtraError
from sdkgen.files import whole_folder
from sdkgen.spec.model import ModelSpec

ENTRY = "main"
OLDEST = {"coreai-core": backend.OLDEST_CORE, "coreai-torch": "0.4.3"}
"""Assets of coreai-torch 0.4.0 were refused by later betas of the system (github.com/apple/coreai-torch, issue 44)."""

_CREATED = "19700101T000000Z"
"""The date of creation of every asset: the start of Unix time, in the form coreai-core writes."""


class HalfInside(nn.Module):
    """A network that computes in float16 between a float32 input and float32 outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half().eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (1, 3, H, W) to the network's outputs."""
        return tuple(output.float() for output in self.network(x.half()))


def convert(network: nn.Module, spec: ModelSpec, target: Path, *, precision: Precision, layout: Layout) -> None:
    """Write ``network`` to the folder ``target``; the same arguments yield the same bytes.

    The input is a float32 array (1, 3, H, W) in the model's input range, the output a float32 array in the joined
    layout, whatever ``precision`` the arithmetic has. ``network`` itself stays as it is.

    Raises ``ConvertError`` if the network cannot be converted or the converter is too old, ``MissingExtraError``
    without coreai-torch, ``OutputError`` if ``target`` cannot be written.
    """
    if layout != "joined":
        raise ConvertError("Core AI assets have one output", hint="Leave --outputs out.", reference="joined-only")
    with _quiet():
        try:
            from coreai_torch import TorchConverter, get_decomp_table
            from coreai_torch.debugging.debug_info import strip_debug_info
        except ImportError as error:
            raise MissingExtraError("coreai-torch", "coreai") from error
        _check_versions()
        graph = copy.deepcopy(joined(network, spec)).eval()
        if precision == "fp16":
            graph = HalfInside(graph)
        example = torch.zeros(1, 3, spec.input.height, spec.input.width)
        try:
            program = torch.export.export(graph, (example,)).run_decompositions(get_decomp_table())
            converter = TorchConverter(mode=TorchConverter.Mode.RELEASE)
            converter.add_exported_program(
                program, input_names=[spec.input.name], output_names=output_names(spec, layout), entrypoint_name=ENTRY
            )
            converted = converter.to_coreai()
            strip_debug_info(converted)
            converted = _with_stable_names(converted)
        except (RuntimeError, ValueError, NotImplementedError, KeyError) as error:
            raise ConvertError(f"Core AI conversion failed: {error}", context=spec.name) from error
        with whole_folder(target) as work:
            _write(converted, work, spec)


def describe(path: Path) -> tuple[dict[str, int], tuple[TensorRecord, ...], tuple[TensorRecord, ...]]:
    """Return how often each operation occurs (constants aside), the inputs and the outputs of the asset at ``path``.

    Raises ``BackendError`` if it is damaged, ``MissingExtraError`` without coreai-core.
    """
    (function,) = (function for function in backend.describe(path) if function.name == ENTRY)
    ops = Counter(op.name for op in function.work)
    return dict(sorted(ops.items())), function.inputs, function.outputs


def _check_versions() -> None:
    """Raise ``ConvertError`` if an installed package is one whose assets later systems refuse."""
    found = tool_versions(*OLDEST)
    for package, oldest in OLDEST.items():
        if backend.is_older(found[package], oldest):
            raise ConvertError(
                f"{package} {found[package]} writes assets that later betas of Core AI refuse",
                hint=f"Install {oldest} or later: pip install 'sdkgen[coreai]'",
                reference="old-converter",
            )


def _with_stable_names(program: Any) -> Any:
    """Return ``program`` with its weights named by their place in it; the compiler names them by a hash with a seed."""
    from coreai._compiler.ir import Module
    from coreai.authoring.asset import AIProgram

    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"weights_{numbers.setdefault(match[0], len(numbers)):04d}"

    module = program._module._mlir_module
    text = re.sub(r"\bresource_\d+\b", number, module.operation.get_asm(enable_debug_info=True))
    return AIProgram._from_mlir_module(Module.parse(text, module.context))


def _write(program: Any, folder: Path, spec: ModelSpec) -> None:
    """Save ``program`` to ``folder``, with a constant date and with whose model it is."""
    asset = folder / "asset.aimodel"  # coreai-core insists on the suffix
    program.save_asset(asset)
    metadata = cast("dict[str, Any]", json.loads((asset / "metadata.json").read_text()))
    metadata |= {"author": spec.weights.author, "license": spec.weights.licence, "creationDate": _CREATED}
    (asset / "metadata.json").write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")
    for file in asset.iterdir():
        shutil.move(file, folder / file.name)
    asset.rmdir()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep coreai-torch's progress and its warnings about torch's internals off the terminal while the block runs."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        for category in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", category)
        yield
