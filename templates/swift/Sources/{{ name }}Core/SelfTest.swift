import Foundation

/// The golden input that ships with the package, and what the model must make of it.
///
/// The file, little-endian: "SDKG", then as 32-bit integers version, width, height and number of rows; the picture's
/// RGB bytes; then a row for each of the highest-scoring anchors: its index, its box numbers and its score logit as
/// the reference computed them.
package struct SelfTest: Sendable {
    struct Row: Sendable {
        let anchor: Int
        /// The box numbers, then the score logit.
        let values: [Float]
    }

    /// How far a run of the model was from the reference.
    package struct Outcome: Sendable, Equatable {
        /// The largest difference of a score logit.
        package var logitDifference: Float
        /// The largest difference of a box number, as a share of the input's longer side.
        package var boxDifference: Float

        /// Half a logit and two hundredths of the input: beyond what half precision does to a sound model, and far
        /// below what a broken driver does.
        package var hasPassed: Bool { logitDifference <= 0.5 && boxDifference <= 0.02 }
    }

    private static let headerLength = 20
    private let specification: ModelSpecification
    private let rgb: [UInt8]
    let rows: [Row]

    /// - Throws: `FaceDetectorError.resourceDamaged` if `data` is not a golden input of this model.
    package init(_ data: Data, specification: ModelSpecification, name: String) throws {
        let bytes = [UInt8](data)
        func integer(at offset: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
        }
        func damaged(_ detail: String) -> FaceDetectorError { .resourceDamaged(name: name, detail: detail) }
        guard bytes.count >= Self.headerLength, bytes.starts(with: "SDKG".utf8) else {
            throw damaged("it does not begin as a golden input does.")
        }
        guard integer(at: 4) == 1 else { throw damaged("its version \(integer(at: 4)) is unknown.") }
        let input = specification.input
        guard integer(at: 8) == input.width, integer(at: 12) == input.height else {
            throw damaged("its size is not the model's.")
        }
        let rowLength = 4 * (BoxNumbers.count + 2)
        let pixelsLength = input.width * input.height * 3
        let rowCount = integer(at: 16)
        guard rowCount > 0, rowCount <= specification.anchorCount,
            bytes.count == Self.headerLength + pixelsLength + rowCount * rowLength
        else { throw damaged("it has \(bytes.count) bytes, which does not agree with its header.") }
        rgb = Array(bytes[Self.headerLength..<Self.headerLength + pixelsLength])
        rows = (0..<rowCount).map { row in
            let start = Self.headerLength + pixelsLength + row * rowLength
            return Row(
                anchor: integer(at: start),
                values: (1...BoxNumbers.count + 1).map {
                    Float(bitPattern: UInt32(integer(at: start + 4 * $0)))
                })
        }
        guard rows.allSatisfy({ $0.anchor < specification.anchorCount }) else {
            throw damaged("it names an anchor that the model does not have.")
        }
        self.specification = specification
    }

    /// Writes the picture as opaque BGRA bytes.
    package func write(into target: UnsafeMutableRawPointer, bytesPerRow: Int) {
        let input = specification.input
        for row in 0..<input.height {
            for column in 0..<input.width {
                let source = 3 * (row * input.width + column)
                let pixel =
                    UInt32(rgb[source]) << 16 | UInt32(rgb[source + 1]) << 8 | UInt32(rgb[source + 2]) | 0xff00_0000
                target.storeBytes(of: pixel.littleEndian, toByteOffset: row * bytesPerRow + 4 * column, as: UInt32.self)
            }
        }
    }

    /// Returns how far the current raw outputs are from the reference.
    package func compare(_ outputs: RawOutputs) -> Outcome {
        let grids = outputs.rows(of: specification)
        let side = Float(max(specification.input.width, specification.input.height))
        var outcome = Outcome(logitDifference: 0, boxDifference: 0)
        for row in rows {
            guard let grid = grids.last(where: { $0.firstAnchor <= row.anchor }) else { continue }
            let index = row.anchor - grid.firstAnchor
            let logit = grid.logits[index * grid.logitStride]
            outcome.logitDifference = Self.larger(outcome.logitDifference, abs(logit - row.values[BoxNumbers.count]))
            for number in 0..<BoxNumbers.count {
                let found = grid.boxes[index * grid.boxStride + number]
                outcome.boxDifference = Self.larger(outcome.boxDifference, abs(found - row.values[number]) / side)
            }
        }
        return outcome
    }

    /// The larger of two differences, infinite if one is NaN: `max` would drop it.
    private static func larger(_ one: Float, _ other: Float) -> Float {
        one.isNaN || other.isNaN ? .infinity : max(one, other)
    }
}
