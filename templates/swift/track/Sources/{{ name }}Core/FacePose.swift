// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Face {
    /// How far the face is turned to the side, in degrees: 0 towards the camera, positive where it looks to the right of the
    /// image; nil without landmarks.
    ///
    /// From the landmarks' depths, which the model estimates: good for which way a face looks, not for measuring.
    public var yawDegrees: Double? { gaze.map { atan2($0.x, -$0.z) * 180 / .pi } }

    /// How far the face is turned down, in degrees: 0 towards the camera, positive where it looks downwards, negative where
    /// it looks up; nil without landmarks.
    public var pitchDegrees: Double? {
        gaze.map { atan2($0.y, ($0.x * $0.x + $0.z * $0.z).squareRoot()) * 180 / .pi }
    }

    /// Where the face looks, once its roll is taken back: x to the right, y downwards, z away from the camera.
    private var gaze: SIMD3<Double>? {
        let points = landmarks.points
        guard !points.isEmpty else { return nil }
        let specification = LandmarkSpecification.shipped
        func step(_ from: Int, _ to: Int) -> SIMD3<Double> { SIMD3<Double>(points[to]) - SIMD3<Double>(points[from]) }
        let across = step(specification.region.fromPoint, specification.region.toPoint)
        let down = step(specification.midline.fromPoint, specification.midline.toPoint)
        let inwards = SIMD3(
            across.y * down.z - across.z * down.y,
            across.z * down.x - across.x * down.z,
            across.x * down.y - across.y * down.x)
        let roll = rollDegrees * .pi / 180
        return -SIMD3(
            inwards.x * cos(roll) + inwards.y * sin(roll), inwards.y * cos(roll) - inwards.x * sin(roll), inwards.z)
    }
}
