// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import CoreImage
import Foundation
import ImageIO

/// A photograph, no larger than the model needs, and what it was.
struct Photograph {
    let image: CGImage
    /// How the pixels are turned; nil where the file does not say.
    let orientation: CGImagePropertyOrientation?
    /// The size of the whole photograph in pixels, as stored.
    let size: CGSize

    /// So many pixels a side show the detector all that it can see; what is more is memory.
    static let longestSide = 4 * max(ModelSpecification.shipped.input.width, ModelSpecification.shipped.input.height)

    init(_ image: CGImage) {
        self.image = image
        orientation = nil
        size = CGSize(width: image.width, height: image.height)
    }

    /// Decodes a file's or data's first picture at a small size, which for JPEG and HEIC is also quicker.
    ///
    /// - Throws: `FaceDetectorError.imageUnreadable`.
    init(_ source: CGImageSource?, longestSide: Int = Self.longestSide) throws {
        let index = source.map(CGImageSourceGetPrimaryImageIndex) ?? 0
        let thumbnail: [CFString: Any] = [
            kCGImageSourceCreateThumbnailFromImageAlways: true,
            kCGImageSourceThumbnailMaxPixelSize: longestSide,
            // Turned by the sampler, in the same pass in which it scales.
            kCGImageSourceCreateThumbnailWithTransform: false,
            kCGImageSourceShouldCacheImmediately: true,
        ]
        guard let source,
            let properties = CGImageSourceCopyPropertiesAtIndex(source, index, nil) as? [CFString: Any],
            let width = properties[kCGImagePropertyPixelWidth] as? Int,
            let height = properties[kCGImagePropertyPixelHeight] as? Int,
            let image = CGImageSourceCreateThumbnailAtIndex(source, index, thumbnail as CFDictionary)
        else { throw FaceDetectorError.imageUnreadable }
        self.image = image
        let code = (properties[kCGImagePropertyOrientation] as? UInt32) ?? 1
        orientation = CGImagePropertyOrientation(rawValue: code) ?? .up
        size = CGSize(width: width, height: height)
    }

    /// Renders an image of Core Image's at a small size.
    ///
    /// - Throws: `FaceDetectorError.invalidImageSize` if it is empty or without end, `.imageUnreadable` if it cannot be drawn.
    init(_ image: CIImage, longestSide: Int = Self.longestSide) throws {
        let extent = image.extent
        let sides = 1...CGFloat(PixelView.maximumSide)
        guard sides.contains(extent.width), sides.contains(extent.height) else {
            throw FaceDetectorError.invalidImageSize(
                width: Int(clamping: extent.width), height: Int(clamping: extent.height))
        }
        let scale = min(1, CGFloat(longestSide) / max(extent.width, extent.height))
        let small = image.transformed(by: CGAffineTransform(a: scale, b: 0, c: 0, d: scale, tx: 0, ty: 0))
        guard let drawn = CIContext().createCGImage(small, from: small.extent.integral) else {
            throw FaceDetectorError.imageUnreadable
        }
        self.image = drawn
        orientation = nil
        size = CGSize(width: extent.width.rounded(), height: extent.height.rounded())
    }
}

extension Int {
    /// The nearest whole number that there is.
    fileprivate init(clamping value: CGFloat) {
        self = value.isNaN ? 0 : value >= CGFloat(Int32.max) ? .max : value <= 0 ? 0 : Int(value)
    }
}
