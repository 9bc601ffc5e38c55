// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The detector's golden input.
///
/// Its file has the letters SDKG and a row for each of the highest-scoring anchors: its index, its box numbers and its
/// score logit.
package struct SelfTest: GoldenInput {
    struct Row: Sendable {
        let anchor: Int
        /// The box numbers, then the score logit.
        let values: [Float]
    }

    package static let fileName = "selftest.bin"

    package let picture: GoldenPicture
    let rows: [Row]
    private let specification: ModelSpecification

    /// - Throws: `FaceDetectorError.resourceDamaged` if `data` is not a golden input of this model.
    package init(_ data: Data, specification: ModelSpecification) throws {
        let rowLength = 4 * (1 + BoxNumbers.rowLength)
        let file = try GoldenFile(
            data, letters: "SDKG", input: specification.input, lead: 0, rowLength: rowLength,
            rowCounts: 1...specification.anchorCount, name: Self.fileName)
        rows = (0..<file.rowCount).map { row in
            let start = file.bodyStart + row * rowLength
            return Row(
                anchor: file.integer(at: start),
                values: (1...BoxNumbers.rowLength).map { file.float(at: start + 4 * $0) }
            )
        }
        guard rows.allSatisfy({ $0.anchor < specification.anchorCount }) else {
            throw FaceDetectorError.resourceDamaged(
                name: Self.fileName, detail: "it names an anchor that the model does not have.")
        }
        picture = file.picture
        self.specification = specification
    }

    package func compare(_ outputs: RawOutputs) -> SelfTestOutcome {
        let side = max(specification.input.width, specification.input.height)
        var outcome = SelfTestOutcome()
        for row in rows {
            let found = outputs.predictions.baseAddress! + row.anchor * BoxNumbers.rowLength
            outcome.noteLogit(found[BoxNumbers.count], expected: row.values[BoxNumbers.count])
            for number in 0..<BoxNumbers.count {
                outcome.noteCoordinate(found[number], expected: row.values[number], side: side)
            }
        }
        return outcome
    }
}
