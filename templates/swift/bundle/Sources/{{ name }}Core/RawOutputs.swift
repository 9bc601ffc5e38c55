// SPDX-License-Identifier: Apache-2.0

/// Memory for the model's outputs, allocated once and written by every run.
package final class RawOutputs {
    /// One output: `values` holds the product of `shape` floats in row-major order.
    package struct Tensor {
        package let name: String
        package let shape: [Int]
        package let values: UnsafeMutableBufferPointer<Float>

        /// How many numbers of a row this output holds.
        package var width: Int { shape[shape.count - 1] }
    }

    package let tensors: [Tensor]

    /// All numbers row by row, `rowLength` each: the memory of the only output, or of its own where a row's numbers lie in
    /// several outputs, which `gather` then brings together.
    package let predictions: UnsafeMutableBufferPointer<Float>
    package let rowLength: Int

    package init(_ model: any ConvertedModel) {
        tensors = model.outputs.map { output in
            let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: output.shape.reduce(1, *))
            values.initialize(repeating: 0)
            return Tensor(name: output.name, shape: output.shape, values: values)
        }
        rowLength = tensors.reduce(0) { $0 + $1.width }
        if tensors.count == 1 {
            predictions = tensors[0].values
        } else {
            predictions = .allocate(capacity: tensors.reduce(0) { $0 + $1.values.count })
            predictions.initialize(repeating: 0)
        }
    }

    deinit {
        for tensor in tensors { tensor.values.deallocate() }
        if tensors.count > 1 { predictions.deallocate() }
    }

    /// Fills the outputs with NaN, which decodes to nothing, so that no result outlives its frame.
    package func invalidate() {
        for tensor in tensors { tensor.values.update(repeating: .nan) }
    }

    /// Whether nothing was written since `invalidate`.
    package var areInvalid: Bool { tensors.allSatisfy { $0.values[$0.values.count - 1].isNaN } }

    /// Brings the outputs of the last run together in `predictions`.
    package func gather() {
        guard tensors.count > 1 else { return }
        var first = 0
        for tensor in tensors {
            let width = tensor.width
            for row in 0..<tensor.values.count / width {
                (predictions.baseAddress! + row * rowLength + first)
                    .update(from: tensor.values.baseAddress! + row * width, count: width)
            }
            first += width
        }
    }
}
