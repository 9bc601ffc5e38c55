"""The rules that a finding can name, and what to do about each. docs/lint.md shows this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What is refused, and the remedy."""

    refuses: str
    fix: str


RULES: dict[str, Rule] = {
    "activation": Rule("a fused activation that GPUs lack (SIGN_BIT)", "Use RELU, RELU6, TANH or none."),
    "axes": Rule(
        "axes that are computed, no 32-bit integers, or beyond the tensor's", "Use constant axes of 32-bit integers."
    ),
    "batch": Rule("a constant operand with a batch above 1", "Store it without a batch."),
    "block-size": Rule(
        "DEPTH_TO_SPACE or SPACE_TO_DEPTH with a block of 1", "Leave the operation out: it does nothing."
    ),
    "cast-type": Rule("CAST from or to bytes", "Use LiteRT 2 (sdkgen build --runtime litert), or feed floats."),
    "comparison": Rule(
        "comparisons whose result is used otherwise than by one CAST or SELECT of floats",
        "Use the result once, and where floats are chosen.",
    ),
    "computed-shape": Rule(
        "a result whose shape is known only while the graph runs: LiteRT then delegates nothing of the graph",
        "Convert with fixed sizes, so that shapes, axes and begins are constants.",
    ),
    "computed-weights": Rule("weights that are computed", "Store the weights as constants."),
    "concatenation-axis": Rule("CONCATENATION of operands that differ on more axes than one", "Reshape them first."),
    "constant-input": Rule("an operation whose input is a constant", "Compute its result when you convert the model."),
    "contradictory": Rule(
        "an operation whose operands, results and options contradict each other", "The file is damaged: convert anew."
    ),
    "convolution-shapes": Rule("convolutions whose shapes contradict each other", "Convert the model anew."),
    "dequantize-int16": Rule("unpacking of 16-bit integers", "Use float16 or int8."),
    "gather-indices": Rule("GATHER by anything but one axis of 32-bit integers", "Use a vector of 32-bit integers."),
    "lookup": Rule("EMBEDDING_LOOKUP with indices of several axes", "Look up a vector of indices."),
    "lstm": Rule(
        "LSTMs other than those that the delegate's kernels compute", "Express it in FULLY_CONNECTED and MUL."
    ),
    "mirror-mode": Rule("MIRROR_PAD that mirrors the edge too (SYMMETRIC)", "Pad by reflection."),
    "negative-stride": Rule("slices that run backwards or stand still", "Use REVERSE_V2, then slice."),
    "no-kernel": Rule(
        "an operation that has no kernel", "Express it in other operations, or compute it in the app before or after."
    ),
    "norm": Rule("normalisation without one scale a channel, or without its attributes", "Normalise the last axis."),
    "one-hot": Rule("ONE_HOT beyond batch and channels", "Give it indices whose other axes are 1."),
    "operand-count": Rule(
        "operands that are constant where they must be computed, computed where they must be constant, or too many",
        "Use constants for shapes, sizes and weights, and no constants for what flows through the graph.",
    ),
    "operand-shapes": Rule("operands that do not broadcast", "Bring both to the same number of axes first."),
    "operation-version": Rule(
        "versions that stand for types or forms the delegate lacks", "Convert with float tensors and plain options."
    ),
    "other-value": Rule(
        "nothing: the accelerator takes it, and computes another value than the CPU",
        "Write it otherwise: split grouped convolutions, reshape before FULLY_CONNECTED and PAD, activate apart.",
    ),
    "paddings": Rule("paddings that are computed or not of 4 × 2 or 3 × 2 numbers", "Pad all axes with constants."),
    "permutation": Rule("TRANSPOSE by a computed permutation or of other than 2 to 4 axes", "Use a constant one."),
    "prelu-alpha": Rule("an alpha that is neither one number a channel nor one an element", "Store it with one axis."),
    "quantization": Rule(
        "computed tensors with a scale a channel, and packed ones without a scale",
        "Quantise activations with one scale, and only weights a channel.",
    ),
    "resize-corners": Rule("align_corners and half_pixel_centers together", "Use half_pixel_centers alone."),
    "same-operand": Rule(
        "a tensor combined with itself, except by ADD and MUL", "Write it with one operand (SQUARE …)."
    ),
    "select-operands": Rule(
        "SELECT between tensors that are neither one number nor of the result's shape",
        "Bring condition and choices to the result's shape first.",
    ),
    "slice-masks": Rule("slices that add or drop axes", "Slice, then reshape."),
    "slice-range": Rule(
        "begins or sizes that are computed or do not fit the result", "Use constants within the tensor."
    ),
    "slice-rank": Rule("slices of tensors with another number of axes than the delegate slices", "Reshape first."),
    "softmax-beta": Rule("SOFTMAX with a beta", "Scale the input, and leave beta at 1."),
    "sparse-weights": Rule(
        "weights that are stored sparse",
        "Use dense weights (blazeface-full-range is the dense form of full_range_sparse).",
    ),
    "strides": Rule("strides, dilations or windows that are not positive", "Convert the model anew."),
    "tensor-rank": Rule("more axes than four, or none where one is needed", "Keep to batch, height, width, channels."),
    "tensor-type": Rule("computed tensors of a type that the operation lacks on GPUs", "Convert with 32-bit floats."),
    "top-k": Rule("TOPK_V2 by a computed k", "Use a constant k."),
    "update-slice": Rule("DYNAMIC_UPDATE_SLICE that does not fit", "Give update and target the same type and rank."),
    "weights-format": Rule("shuffled weights", "Convert with plain weights."),
    "weights-shape": Rule("weights of another rank than the kernel reads", "Store them as the operation defines them."),
    "weights-type": Rule("weights stored in a type that the delegate cannot unpack", "Store float32, float16 or int8."),
    "unknown": Rule(
        "nothing that the file shows: the answer is not known", "Ask the runtime: sdkgen lint --run, or a phone."
    ),
    # Core ML
    "cpu-only": Rule(
        "an operation that has no counterpart in Metal Performance Shaders Graph",
        "Express it in operations of docs/coreml.md, or compute it in the app.",
    ),
    "core-ml-rank": Rule("a result of more than five axes", "Keep tensors at batch, channels, height, width."),
    "flexible-shape": Rule(
        "nothing for sure: shapes that are not fixed run on the GPU, on the Neural Engine where they are enumerated",
        "Convert with a fixed size where you can, with enumerated shapes where you cannot.",
    ),
    "float32": Rule(
        "numbers in float32, which the Neural Engine lacks", "Build with --precision fp16; outputs may stay in float32."
    ),
    "pad-axes": Rule("padding by reflection beyond the last two axes", "Pad other axes with a constant."),
    "pool-window": Rule("windows or strides beyond what the Neural Engine has been seen to take", "Pool in steps."),
    # Core AI
    "core-ai-rank": Rule("a result of more than five axes", "Keep tensors at batch, channels, height, width."),
    "core-ai-shape": Rule("a result whose shape is not fixed", "Convert with a fixed size."),
    "core-ai-unknown": Rule(
        "nothing that is published: the answer is not known",
        "Compile the asset on a Mac (docs/coreai.md), or run it on a phone.",
    ),
    "nested-block": Rule("loops and branches (while_loop, cond)", "Unroll them when you convert."),
}
