// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Where a picture's pixels are in a view that shows it.
///
/// ```swift
/// let transform = OverlayTransform(imageSize: found.imageSize, viewSize: view.bounds.size, contentMode: .fill)
/// box.frame = transform.convert(face.boundingBox)
/// ```
public struct OverlayTransform: Sendable, Hashable {
    /// How a picture is scaled to its view; it is centred in any case.
    public enum ContentMode: String, Sendable, Hashable, CaseIterable {
        /// As large as fits, with margins on two sides: `resizeAspect` of a preview layer.
        case fit
        /// As small as fills the view, cut off on two sides: `resizeAspectFill` of a preview layer.
        case fill
        /// Filling the view, distorted: `resize` of a preview layer.
        case stretch
    }

    /// Points of the view a pixel of the picture, to the right.
    public let horizontalScale: CGFloat
    /// Points of the view a pixel of the picture, downwards.
    public let verticalScale: CGFloat
    private let left: CGFloat
    private let top: CGFloat

    /// Makes the map from a picture to a view.
    ///
    /// - Parameters:
    ///   - imageSize: The upright picture's, in pixels.
    ///   - viewSize: The view's, in points.
    ///   - contentMode: How the view shows the picture.
    public init(imageSize: CGSize, viewSize: CGSize, contentMode: ContentMode) {
        let across = viewSize.width / max(imageSize.width, 1)
        let down = viewSize.height / max(imageSize.height, 1)
        switch contentMode {
        case .fit: (horizontalScale, verticalScale) = (min(across, down), min(across, down))
        case .fill: (horizontalScale, verticalScale) = (max(across, down), max(across, down))
        case .stretch: (horizontalScale, verticalScale) = (across, down)
        }
        left = (viewSize.width - imageSize.width * horizontalScale) / 2
        top = (viewSize.height - imageSize.height * verticalScale) / 2
    }

    /// Returns where a point of the picture, in pixels, is in the view.
    public func convert(_ point: CGPoint) -> CGPoint {
        CGPoint(x: point.x * horizontalScale + left, y: point.y * verticalScale + top)
    }

    /// Returns where a rectangle of the picture, in pixels, is in the view.
    public func convert(_ rect: CGRect) -> CGRect {
        CGRect(
            origin: convert(rect.origin),
            size: CGSize(width: rect.width * horizontalScale, height: rect.height * verticalScale))
    }

    /// Returns the point of the picture, in pixels, that a point of the view shows, as where a user taps.
    public func convertToImage(_ point: CGPoint) -> CGPoint {
        CGPoint(x: (point.x - left) / horizontalScale, y: (point.y - top) / verticalScale)
    }
}
