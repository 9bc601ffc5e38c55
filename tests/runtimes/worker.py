"""Runs .tflite files on the LiteRT of the Python it is started with, which has nothing of this project.

python worker.py JOBS.json

JOBS.json is a list of {"artifact": PATH, "inputs": PATH, "outputs": PATH}: inputs is an .npz with one array ``images``,
(count, height, width, 3) in the type of the file's input; outputs becomes an .npz with one array an output, (count, …).
Prints a list of what each file's graph is executed as: {"DELEGATE": partitions, NAME: operations outside of them, …}.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def execute(artifact: str, inputs: str, outputs: str) -> dict[str, int]:
    """Run one file on all inputs, and return what was executed."""
    interpreter = Interpreter(artifact, num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    found: dict[str, list[Any]] = {detail["name"]: [] for detail in interpreter.get_output_details()}
    with np.load(inputs) as stored:
        images = stored["images"]
    for image in images:
        interpreter.set_tensor(entry["index"], image[None])
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            found[detail["name"]].append(interpreter.get_tensor(detail["index"]))
    arrays: dict[str, Any] = {name: np.concatenate(values) for name, values in found.items()}
    np.savez(outputs, **arrays)
    return executed(interpreter)


def executed(interpreter: Any) -> dict[str, int]:
    """Return how often each operation is executed, a partition of XNNPACK's counting as one ``DELEGATE``.

    The list of operations keeps those that a delegate replaces. Executed are those that the outputs come from, where a
    delegate's partition goes before the operations that it replaces.
    """
    operations = sorted(interpreter._get_ops_details(), key=lambda operation: operation["op_name"] == "DELEGATE")
    makers = {int(tensor): operation for operation in operations for tensor in operation["outputs"]}
    wanted = [int(detail["index"]) for detail in interpreter.get_output_details()]
    names: dict[int, str] = {}
    while wanted:
        operation = makers.get(wanted.pop())
        if operation is not None and operation["index"] not in names:
            names[operation["index"]] = operation["op_name"]
            wanted += [int(tensor) for tensor in operation["inputs"]]
    return dict(sorted(Counter(names.values()).items()))


def main() -> None:
    """Do the jobs, and print what was executed."""
    jobs = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(json.dumps([execute(**job) for job in jobs]))


if __name__ == "__main__":
    main()
