/// Memory for the model's outputs, allocated once and written by every run.
package final class RawOutputs {
    /// One output: `values` holds the product of `shape` floats in row-major order.
    package struct Tensor {
        package let name: String
        package let shape: [Int]
        package let values: UnsafeMutableBufferPointer<Float>
    }

    package let tensors: [Tensor]

    package init(_ model: any ConvertedModel) {
        tensors = model.outputShapes.map { name, shape in
            let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: shape.reduce(1, *))
            values.initialize(repeating: 0)
            return Tensor(name: name, shape: shape, values: values)
        }
    }

    deinit {
        for tensor in tensors { tensor.values.deallocate() }
    }

    /// Returns where each grid's anchors lie in the outputs, for either layout.
    func rows(of specification: ModelSpecification) -> [AnchorRows] {
        var start = 0
        return specification.grids.enumerated().map { index, grid in
            defer { start += grid.anchorCount }
            switch specification.outputs {
            case .standard:
                return AnchorRows(
                    grid: grid,
                    firstAnchor: start,
                    boxes: UnsafePointer(tensors[0].values.baseAddress! + start * BoxNumbers.count),
                    boxStride: BoxNumbers.count,
                    logits: UnsafePointer(tensors[1].values.baseAddress! + start),
                    logitStride: 1
                )
            case .merged:
                let head = UnsafePointer(tensors[index].values.baseAddress!)
                return AnchorRows(
                    grid: grid,
                    firstAnchor: start,
                    boxes: head,
                    boxStride: BoxNumbers.count + 1,
                    logits: head + BoxNumbers.count,
                    logitStride: BoxNumbers.count + 1
                )
            }
        }
    }
}

/// Where the box numbers and logits of one grid's anchors lie.
///
/// Valid as long as the `RawOutputs` it came from.
struct AnchorRows {
    let grid: ModelSpecification.Grid
    let firstAnchor: Int
    let boxes: UnsafePointer<Float>
    let boxStride: Int
    let logits: UnsafePointer<Float>
    let logitStride: Int
}
