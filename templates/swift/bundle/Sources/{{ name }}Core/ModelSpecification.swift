// SPDX-License-Identifier: Apache-2.0

/// What it takes to load and run a converted model, whatever it finds.
package protocol ConvertedModel: Sendable {
    var name: String { get }
    var weightsSHA256: String { get }
    var input: ModelSpecification.Input { get }
    /// The outputs, in the order in which a row of the predictions has their numbers.
    var outputs: [ModelSpecification.Output] { get }
    /// The converted models, the one to be tried first in front.
    var resources: [ModelSpecification.Resource] { get }
}

/// Everything that describes the model, so that no other file holds a number of it.
package struct ModelSpecification: ConvertedModel {
    /// The image the model takes, and how bytes become its values: byte · `scale` + `minimum`.
    package struct Input: Sendable {
        package let name: String
        package let width: Int
        package let height: Int
        package let minimum: Float
        package let maximum: Float
    }

    /// Anchors on a regular grid, `perCell` at the centre of each cell.
    package struct Grid: Sendable {
        package let rows: Int
        package let columns: Int
        package let perCell: Int

        package var anchorCount: Int { rows * columns * perCell }
    }

    /// One output: its last axis holds numbers of a row, the axes before it count the rows.
    package struct Output: Sendable {
        package let name: String
        package let shape: [Int]
    }

    /// One converted model among the package's resources.
    package struct Resource: Sendable {
        package let name: String
        package let runtime: ModelRuntime
        package let precision: ModelPrecision
        /// The sha256 of the relative file names and contents of the .mlpackage or .aimodel.
        package let packageSHA256: String
    }

    package let name: String
    package let weightsSHA256: String
    package let input: Input
    package let grids: [Grid]
    package let outputs: [Output]
    /// What box numbers are divided by to be relative to the input.
    package let boxScale: Float
    /// Score logits are clipped to ± this before the sigmoid.
    package let scoreClip: Float
    package let minimumScore: Float
    package let blendingIoU: Float
    /// The side of the square crop around a face, in multiples of the longer side of its box.
    package let cropScale: Double
    package let resources: [Resource]

    package var anchorCount: Int { grids.reduce(0) { $0 + $1.anchorCount } }
}

/// The arithmetic a model was converted for.
public enum ModelPrecision: String, Sendable, Hashable {
    /// Half precision: half the size, and faster on GPU and Neural Engine.
    case float16
    /// Single precision.
    case float32
}

/// What runs a model.
public enum ModelRuntime: String, Sendable, Hashable {
    /// Core ML, on every system this package supports.
    case coreML
    /// Core AI, from iOS 27 and macOS 27 on, in packages that hold models for it.
    case coreAI
}

/// An anchor's row: box numbers (centre x, centre y, width, height, then x and y of each keypoint), then the score logit.
package enum BoxNumbers {
    package static let box = 4
    package static let count = box + 2 * FaceKeypoints.count
    package static let rowLength = count + 1
}
