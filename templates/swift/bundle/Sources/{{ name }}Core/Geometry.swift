// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A rectangle turned about its centre, in pixels of the upright image.
public struct RotatedRect: Sendable, Hashable, Codable {
    /// The centre.
    public let center: CGPoint
    /// The width and height before the turn.
    public let size: CGSize
    /// The turn in degrees, clockwise positive.
    public let rotationDegrees: Double

    /// Makes a rectangle of `size` around `center`, turned clockwise by `rotationDegrees`.
    public init(center: CGPoint, size: CGSize, rotationDegrees: Double) {
        self.center = center
        self.size = size
        self.rotationDegrees = rotationDegrees
    }

    /// Hashes all numbers.
    public func hash(into hasher: inout Hasher) {
        for number in [center.x, center.y, size.width, size.height] { hasher.combine(number) }
        hasher.combine(rotationDegrees)
    }

    /// The corners, clockwise, beginning with what was the upper left one before the turn.
    public var corners: [CGPoint] {
        let unit = CropTransform(from: CGSize(width: 1, height: 1), to: self)
        return [(0, 0), (1, 0), (1, 1), (0, 1)].map { unit.apply(to: CGPoint(x: $0.0, y: $0.1)) }
    }
}

/// An affine map: x' = a·x + c·y + tx, y' = b·x + d·y + ty, as in Core Graphics.
public struct CropTransform: Sendable, Hashable, Codable {
    /// The share of x in x'.
    public let a: Double
    /// The share of x in y'.
    public let b: Double
    /// The share of y in x'.
    public let c: Double
    /// The share of y in y'.
    public let d: Double
    /// What is added to x'.
    public let tx: Double
    /// What is added to y'.
    public let ty: Double

    /// Makes a map from its six coefficients.
    public init(a: Double, b: Double, c: Double, d: Double, tx: Double, ty: Double) {
        self.a = a
        self.b = b
        self.c = c
        self.d = d
        self.tx = tx
        self.ty = ty
    }

    /// Makes the map that lays the pixels of a crop, `size` of them, over `rect`, corner to corner.
    public init(from size: CGSize, to rect: RotatedRect) {
        let angle = rect.rotationDegrees * .pi / 180
        let across = Double(rect.size.width / size.width)
        let down = Double(rect.size.height / size.height)
        let (a, b) = (across * cos(angle), across * sin(angle))
        let (c, d) = (-down * sin(angle), down * cos(angle))
        let (halfWidth, halfHeight) = (Double(size.width) / 2, Double(size.height) / 2)
        self.init(
            a: a,
            b: b,
            c: c,
            d: d,
            tx: Double(rect.center.x) - a * halfWidth - c * halfHeight,
            ty: Double(rect.center.y) - b * halfWidth - d * halfHeight
        )
    }

    /// Returns `point` after the map.
    public func apply(to point: CGPoint) -> CGPoint {
        let (x, y) = (Double(point.x), Double(point.y))
        return CGPoint(x: a * x + c * y + tx, y: b * x + d * y + ty)
    }

    /// The map the other way, or nil if there is none: for a face without area.
    public var inverse: CropTransform? {
        let determinant = a * d - b * c
        guard determinant.isNormal else { return nil }
        return CropTransform(
            a: d / determinant,
            b: -b / determinant,
            c: -c / determinant,
            d: a / determinant,
            tx: (c * ty - d * tx) / determinant,
            ty: (b * tx - a * ty) / determinant
        )
    }
}

/// The region of the upright image that the model sees: the whole image, centred, with black bars where the
/// proportions differ.
package struct Letterbox: Sendable, Equatable {
    package let imageWidth: Double
    package let imageHeight: Double
    package let width: Double
    package let height: Double

    /// `imageWidth` and `imageHeight` in pixels, both above zero.
    package init(imageWidth: Int, imageHeight: Int, input: ModelSpecification.Input) {
        self.imageWidth = Double(imageWidth)
        self.imageHeight = Double(imageHeight)
        let pixelsPerCell = max(self.imageWidth / Double(input.width), self.imageHeight / Double(input.height))
        width = Double(input.width) * pixelsPerCell
        height = Double(input.height) * pixelsPerCell
    }

    package var left: Double { (imageWidth - width) / 2 }
    package var top: Double { (imageHeight - height) / 2 }

    /// Brings x, relative to the model's input, to be relative to the image.
    func projectX(_ x: Double) -> Double { (x * width + left) / imageWidth }

    /// Brings y, relative to the model's input, to be relative to the image.
    func projectY(_ y: Double) -> Double { (y * height + top) / imageHeight }
}
