// SPDX-License-Identifier: Apache-2.0

import Foundation

/// An upright box in pixels.
struct UprightBox {
    var left: Double
    var top: Double
    var right: Double
    var bottom: Double

    /// The smallest box around some points, at least one.
    init(around points: [SIMD3<Float>]) {
        var low = points[0]
        var high = points[0]
        for point in points {
            low = pointwiseMin(low, point)
            high = pointwiseMax(high, point)
        }
        (left, top) = (Double(low.x), Double(low.y))
        (right, bottom) = (Double(high.x), Double(high.y))
    }

    /// A region as if it were not turned.
    init(levelled region: RotatedRect) {
        let halfWidth = Double(region.size.width) / 2
        let halfHeight = Double(region.size.height) / 2
        (left, right) = (Double(region.center.x) - halfWidth, Double(region.center.x) + halfWidth)
        (top, bottom) = (Double(region.center.y) - halfHeight, Double(region.center.y) + halfHeight)
    }

    /// The smallest box around a region.
    init(around region: RotatedRect) {
        let angle = region.rotationDegrees * .pi / 180
        let (cosine, sine) = (abs(cos(angle)), abs(sin(angle)))
        let (width, height) = (Double(region.size.width), Double(region.size.height))
        let halfWidth = (width * cosine + height * sine) / 2
        let halfHeight = (width * sine + height * cosine) / 2
        (left, right) = (Double(region.center.x) - halfWidth, Double(region.center.x) + halfWidth)
        (top, bottom) = (Double(region.center.y) - halfHeight, Double(region.center.y) + halfHeight)
    }

    var width: Double { right - left }
    var height: Double { bottom - top }
    var longerSide: Double { max(width, height) }
}

extension RotatedRect {
    /// The square around a face's landmarks, in pixels: where to look for the face in the next frame.
    init(around points: [SIMD3<Float>], _ rule: LandmarkSpecification.Region) {
        let box = UprightBox(around: points)
        let side = rule.scale * box.longerSide
        self.init(
            center: CGPoint(x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2),
            size: CGSize(width: side, height: side),
            rotationDegrees: Self.rollDegrees(of: points, rule)
        )
    }

    /// Returns the clockwise angle of the line between the two points that a crop turns level, in degrees.
    static func rollDegrees(of points: [SIMD3<Float>], _ rule: LandmarkSpecification.Region) -> Double {
        let step = points[rule.toPoint] - points[rule.fromPoint]
        return atan2(Double(step.y), Double(step.x)) * 180 / .pi
    }

    /// Whether the region has an area, and any of its upright box lies within an image.
    func reaches(imageWidth: Int, imageHeight: Int) -> Bool {
        let box = UprightBox(around: self)
        return box.right > max(box.left, 0) && box.bottom > max(box.top, 0)
            && box.left < Double(imageWidth) && box.top < Double(imageHeight)
    }

    /// Returns the intersection over union with another region, both taken as if they were not turned.
    func similarity(to other: RotatedRect) -> Double {
        let (one, two) = (UprightBox(levelled: self), UprightBox(levelled: other))
        let width = min(one.right, two.right) - max(one.left, two.left)
        let height = min(one.bottom, two.bottom) - max(one.top, two.top)
        guard width > 0, height > 0 else { return 0 }
        let common = width * height
        return common / (one.width * one.height + two.width * two.height - common)
    }
}
