// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One of a face's landmarks.
public struct FaceLandmark: Sendable, Hashable, Codable {
    /// To the right.
    public let x: CGFloat
    /// Downwards.
    public let y: CGFloat
    /// The depth, in the unit of x: relative to the head's centre, smaller is nearer.
    public let z: CGFloat

    /// Makes a landmark.
    public init(x: CGFloat, y: CGFloat, z: CGFloat) {
        self.x = x
        self.y = y
        self.z = z
    }

    /// The landmark without its depth.
    public var point: CGPoint { CGPoint(x: x, y: y) }
}

/// The landmarks of a face, by the number that each has in MediaPipe's face mesh.
///
/// Empty for a face that no landmark model has looked at.
public struct FaceLandmarks: RandomAccessCollection, Sendable, Hashable, Codable {
    /// In pixels.
    let points: [SIMD3<Float>]
    private let scale: SIMD3<Float>

    init(pixels points: [SIMD3<Float>]) {
        self.points = points
        scale = .one
    }

    private init(_ points: [SIMD3<Float>], scale: SIMD3<Float>) {
        self.points = points
        self.scale = scale
    }

    /// The number of the first landmark.
    public var startIndex: Int { 0 }

    /// One more than the number of the last landmark.
    public var endIndex: Int { points.count }

    /// The landmark with a number.
    public subscript(position: Int) -> FaceLandmark {
        let point = points[position] * scale
        return FaceLandmark(x: CGFloat(point.x), y: CGFloat(point.y), z: CGFloat(point.z))
    }

    /// The same landmarks relative to an image; they are not copied.
    func normalized(by size: CGSize) -> FaceLandmarks {
        let (width, height) = (Float(size.width), Float(size.height))
        return FaceLandmarks(points, scale: 1 / SIMD3(width, height, width))
    }
}
