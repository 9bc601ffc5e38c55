// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The landmark model's golden input.
///
/// Its file has the letters SDKL, the presence logit, and a row of x, y and z in input pixels for each landmark.
package struct LandmarkSelfTest: GoldenInput {
    package static let fileName = "landmarks-selftest.bin"

    package let picture: GoldenPicture
    let presenceLogit: Float
    /// As the model gives them.
    let landmarks: [Float]
    private let side: Int

    /// - Throws: `FaceDetectorError.resourceDamaged` if `data` is not a golden input of this model.
    package init(_ data: Data, specification: LandmarkSpecification) throws {
        let count = specification.count
        let file = try GoldenFile(
            data, letters: "SDKL", input: specification.input, lead: 4, rowLength: 12, rowCounts: count...count,
            name: Self.fileName)
        picture = file.picture
        presenceLogit = file.float(at: file.bodyStart)
        landmarks = (0..<3 * count).map { file.float(at: file.bodyStart + 4 + 4 * $0) }
        side = specification.input.width
    }

    package func compare(_ outputs: RawOutputs) -> SelfTestOutcome {
        var outcome = SelfTestOutcome()
        outcome.noteLogit(outputs.predictions[landmarks.count], expected: presenceLogit)
        for (found, expected) in zip(outputs.predictions, landmarks) {
            outcome.noteCoordinate(found, expected: expected, side: side)
        }
        return outcome
    }
}
