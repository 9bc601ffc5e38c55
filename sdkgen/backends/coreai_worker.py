"""The process that reads and runs .aimodel folders with coreai-core; started by ``coreai``, and by nothing else.

It imports only NumPy and coreai, so it also runs under another Python. Arguments: ``describe`` or ``run``, the folder.
Standard output: one line of JSON about the model; ``run`` then writes, for each input of float32 on standard input,
its outputs as float32.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO


def main() -> None:
    """Serve one request; whatever coreai raises is for the parent to tell."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native code that logs to standard output would break the replies
    verb, path = sys.argv[1:]
    try:
        from coreai.authoring import AIModelAsset

        asset = AIModelAsset.load(Path(path))
        program = asset.program  # made anew each time; what is taken from it goes with it
        if verb == "describe":
            graphs = _graphs(program._module._mlir_module.body)
            _reply(replies, {"functions": [_describe(graph) for graph in graphs]})
        else:
            asyncio.run(_serve(asset, _describe(program._get_graph("main")), replies))
    except Exception as error:
        _reply(replies, {"error": str(error), "missing": isinstance(error, ImportError)})


async def _serve(asset: Any, entry: dict[str, Any], replies: BinaryIO) -> None:
    """Run the function ``main``, which ``entry`` describes, until standard input ends."""
    import numpy as np
    from coreai.runtime import NDArray

    (source,) = entry["inputs"]
    names = [output["name"] for output in entry["outputs"]]
    async with asset.executable() as model:
        function = model.load_function("main")
        _reply(replies, {"input": source["shape"], "outputs": entry["outputs"]})
        while data := sys.stdin.buffer.read(4 * int(np.prod(source["shape"]))):
            fed = np.frombuffer(data, "<f4").reshape(source["shape"]).copy()
            results = await function({source["name"]: NDArray(fed)})
            for name in names:
                replies.write(np.ascontiguousarray(results[name].numpy(), "<f4").tobytes())
            replies.flush()


def _graphs(block: Any) -> list[Any]:
    """Return the graphs of a program, also those inside its namespaces."""
    found = []
    for op in block.operations:
        if op.name == "coreai.graph":
            found.append(op)
        else:
            found += [graph for region in op.regions for inner in region.blocks for graph in _graphs(inner)]
    return found


def _describe(graph: Any) -> dict[str, Any]:
    """Return the inputs, outputs and operations of a graph; values are numbered in the order in which they appear."""
    block = graph.bodyRegion.blocks[0]
    numbers: dict[str, int] = {}

    def number(value: Any) -> int:
        return numbers.setdefault(value.get_name(), len(numbers))

    def name(attributes: Any, index: int) -> str:
        return str(attributes["coreai.name"].value) if "coreai.name" in attributes else f"value {index}"

    inputs = [_tensor(kind, name(graph.arg_attrs[i], i)) for i, kind in enumerate(graph.type.inputs)]
    outputs = [_tensor(kind, name(graph.res_attrs[i], i)) for i, kind in enumerate(graph.type.results)]
    operations = [
        {
            "name": op.name.removeprefix("coreai."),
            "inputs": [number(value) for value in op.operands],
            "outputs": [number(value) for value in op.results],
            "results": [_tensor(value.type) for value in op.results],
            "has_blocks": any(len(region.blocks) for region in op.regions),
        }
        for op in block.operations
    ]
    return {"name": graph.sym_name.value, "inputs": inputs, "outputs": outputs, "operations": operations}


def _tensor(kind: Any, name: str = "") -> dict[str, Any]:
    """Return the type of a value: of one that is no tensor its name, and no shape."""
    if not hasattr(kind, "element_type"):
        return {"name": name, "dtype": str(kind), "shape": []}
    sides = enumerate(kind.shape) if kind.has_rank else ()
    shape = [None if kind.is_dynamic_dim(axis) else int(side) for axis, side in sides]
    return {"name": name, "dtype": str(kind.element_type), "shape": shape}


def _reply(replies: BinaryIO, answer: dict[str, Any]) -> None:
    replies.write(json.dumps(answer).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
