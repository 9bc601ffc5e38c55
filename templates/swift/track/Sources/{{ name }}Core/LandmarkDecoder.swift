// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the landmark model found in a crop.
package struct Landmarks: Sendable {
    /// The probability that the crop holds a face.
    package let presence: Float
    /// In pixels of the upright image; z in the unit of x.
    package var points: [SIMD3<Float>]
}

/// Turns the landmark model's raw outputs into points of the image.
package struct LandmarkDecoder {
    private let specification: LandmarkSpecification
    private let outputs: RawOutputs

    /// - Parameter outputs: Where the raw outputs are read from, at every call.
    package init(_ specification: LandmarkSpecification, outputs: RawOutputs) {
        self.specification = specification
        self.outputs = outputs
    }

    /// Returns the landmarks of the face in a crop; nil where no face is there, or where the model gave anything but
    /// finite numbers.
    ///
    /// Allocates nothing but the points.
    package func landmarks(in region: RotatedRect) -> Landmarks? {
        let raw = outputs.predictions
        let logit = Double(raw[3 * specification.count])
        guard !logit.isNaN else { return nil }
        let presence = 1 / (1 + exp(-min(max(logit, -100), 100)))
        guard presence > specification.minimumPresence else { return nil }
        let input = specification.input
        let map = CropTransform(from: CGSize(width: input.width, height: input.height), to: region)
        let depthScale = Double(region.size.width) / Double(input.width)
        // 0 · x is 0 for a finite x and NaN otherwise.
        var check = SIMD3<Float>()
        let points = [SIMD3<Float>](unsafeUninitializedCapacity: specification.count) { memory, count in
            for index in 0..<specification.count {
                let (x, y) = (Double(raw[3 * index]), Double(raw[3 * index + 1]))
                let point = SIMD3(
                    Float(map.a * x + map.c * y + map.tx),
                    Float(map.b * x + map.d * y + map.ty),
                    Float(Double(raw[3 * index + 2]) * depthScale)
                )
                check += point * 0
                memory.initializeElement(at: index, to: point)
            }
            count = specification.count
        }
        return check == .zero ? Landmarks(presence: Float(presence), points: points) : nil
    }
}
