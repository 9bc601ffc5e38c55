"""The process that runs an .aimodel on Apple's Core AI runtime; started by ``coreai``, and by nothing else.

It imports only NumPy and coreai, so it also runs under another Python. Argument: the folder. Standard input: inputs
as float32. Standard output: one line of JSON about the model, then for each input its outputs as float32.
"""

import asyncio
import json
import os
import sys
from pathlib import Path


async def serve(path: str) -> None:
    """Serve one asset until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the runtime logs to standard output, which would break the replies
    try:
        import numpy as np
        from coreai.authoring import AIModelAsset
        from coreai.runtime import NDArray

        asset = AIModelAsset.load(Path(path))
        graph = asset.program._get_graph("main")
        shape = [int(n) for n in graph.type.inputs[0].shape]
        source = graph.arg_attrs[0]["coreai.name"].value
        names = [entry["coreai.name"].value for entry in graph.res_attrs]
        shapes = [[int(n) for n in kind.shape] for kind in graph.type.results]
        async with asset.executable() as model:
            function = model.load_function("main")
            outputs = [{"name": name, "shape": size} for name, size in zip(names, shapes, strict=True)]
            replies.write(json.dumps({"input": shape, "outputs": outputs}).encode() + b"\n")
            replies.flush()
            while data := sys.stdin.buffer.read(4 * int(np.prod(shape))):
                results = await function({source: NDArray(np.frombuffer(data, "<f4").reshape(shape).copy())})
                for name in names:
                    replies.write(np.ascontiguousarray(results[name].numpy(), "<f4").tobytes())
                replies.flush()
    except Exception as error:  # whatever the runtime raises is for the parent to tell
        replies.write(json.dumps({"error": str(error), "missing": isinstance(error, ImportError)}).encode() + b"\n")
        replies.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
