// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import CoreImage
import Foundation
import ImageIO

#if canImport(UIKit)
    import UIKit
#elseif canImport(AppKit)
    import AppKit
#endif

extension FaceTracker {
    /// Returns the faces in an image with their landmarks, best first, in pixels of the image turned upright.
    ///
    /// Up to the configuration's `maximumFaces` are found, in any running mode; faces that are followed stay as they are.
    ///
    /// - Parameters:
    ///   - image: The image, drawn as sRGB over black, no larger than the landmark model needs.
    ///   - orientation: How the image's pixels are turned; nil takes the configuration's.
    /// - Throws: `FaceDetectorError`: `.invalidImageSize`, `.imageWithoutBitmap` if it cannot be drawn,
    ///   `.predictionFailed`, `.closed`.
    public func detectLandmarks(
        in image: CGImage, orientation: CGImagePropertyOrientation? = nil
    ) throws -> [Face] {
        try search(orientation) { _ in Photograph(image) }
    }

    /// Returns the faces in a frame that has nothing to do with others, with their landmarks, best first.
    ///
    /// - Throws: `FaceDetectorError`, as ``track(_:)``, but for timestamps and running modes.
    public func detectLandmarks(in frame: VideoFrame) throws -> [Face] {
        try frame.pixelBuffer.withPixelView {
            try findLandmarks($0, configuration.detector.frameOrientation(frame.orientation))
        }
    }

    /// Returns the faces in an image file with their landmarks, best first, in pixels of the whole upright image.
    ///
    /// - Throws: `FaceDetectorError`: `.imageUnreadable`, and what ``detectLandmarks(in:orientation:)`` throws.
    public func detectLandmarks(contentsOf url: URL) throws -> [Face] {
        try search(nil) { try Photograph(CGImageSourceCreateWithURL(url as CFURL, nil), longestSide: $0) }
    }

    /// Returns the faces in the data of an image file with their landmarks, best first, in pixels of the whole upright
    /// image.
    ///
    /// - Throws: `FaceDetectorError`: `.imageUnreadable`, and what ``detectLandmarks(in:orientation:)`` throws.
    public func detectLandmarks(in data: Data) throws -> [Face] {
        try search(nil) { try Photograph(CGImageSourceCreateWithData(data as CFData, nil), longestSide: $0) }
    }

    #if canImport(UIKit)
        /// Returns the faces in an image with their landmarks, best first, in pixels (not points) of the upright image.
        ///
        /// - Throws: `FaceDetectorError`: `.imageWithoutBitmap` for images that are made neither of a `CGImage` nor of a
        ///   `CIImage`, and what ``detectLandmarks(in:orientation:)`` throws.
        public nonisolated func detectLandmarks(in image: UIImage) async throws -> [Face] {
            let orientation = CGImagePropertyOrientation(image.imageOrientation)
            if let bitmap = image.cgImage { return try await detectLandmarks(in: bitmap, orientation: orientation) }
            guard let filtered = image.ciImage else { throw FaceDetectorError.imageWithoutBitmap }
            return try await search(orientation) { try Photograph(filtered, longestSide: $0) }
        }
    #elseif canImport(AppKit)
        /// Returns the faces in an image with their landmarks, best first, in pixels (not points) of the bitmap that fits
        /// it best.
        ///
        /// - Throws: `FaceDetectorError`: `.imageWithoutBitmap` for images that cannot be drawn, and what
        ///   ``detectLandmarks(in:orientation:)`` throws.
        public nonisolated func detectLandmarks(in image: NSImage) async throws -> [Face] {
            guard let bitmap = image.cgImage(forProposedRect: nil, context: nil, hints: nil) else {
                throw FaceDetectorError.imageWithoutBitmap
            }
            return try await detectLandmarks(in: bitmap, orientation: .up)
        }
    #endif

    /// Searches a photograph that is read, or drawn, with so many pixels a side at most.
    private func search(
        _ orientation: CGImagePropertyOrientation?, _ read: @Sendable (Int) throws -> Photograph
    ) throws -> [Face] {
        let photograph = try read(Self.longestSide)
        let turn = configuration.detector.frameOrientation(orientation ?? photograph.orientation)
        let faces = try photograph.image.withPixelView(longestSide: Self.longestSide) {
            try findLandmarks($0, turn)
        }
        let size = photograph.size
        let upright = turn.swapsSides ? CGSize(width: size.height, height: size.width) : size
        return faces.map { $0.scaled(to: upright) }
    }

    /// A face as small as an eighth of this still fills the landmark model's input.
    private static let longestSide =
        8 * max(LandmarkSpecification.shipped.input.width, LandmarkSpecification.shipped.input.height)
}
