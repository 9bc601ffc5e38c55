// SPDX-License-Identifier: Apache-2.0

import CoreImage
import CoreMedia
import CoreVideo
import Foundation
import ImageIO

#if canImport(UIKit)
    import UIKit
#elseif canImport(AppKit)
    import AppKit
#endif

extension FaceDetector {
    /// Returns the faces in a pixel buffer, best first.
    ///
    /// The formats 420v, 420f, their siblings with 10 bits (x420, xf20), BGRA and RGBA are supported.
    ///
    /// - Parameters:
    ///   - pixelBuffer: The pixels. Do not change them until the call returns.
    ///   - orientation: How the pixels are turned; nil takes the configuration's.
    ///   - timestamp: The frame's time in seconds; needed in the running mode `.video`.
    /// - Throws: `FaceDetectorError`, as for a `VideoFrame`.
    public nonisolated func detect(
        _ pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation? = nil, timestamp: TimeInterval? = nil
    ) async throws -> [Face] {
        try await detect(VideoFrame(pixelBuffer, orientation: orientation, timestamp: timestamp))
    }

    /// Returns the faces in a sample buffer of a camera or a video, best first.
    ///
    /// - Parameters:
    ///   - sampleBuffer: The pixels and their presentation time.
    ///   - orientation: How the pixels are turned; nil takes the configuration's.
    /// - Throws: `FaceDetectorError`, as for a `VideoFrame`; `.invalidPixelBuffer` if the sample buffer
    ///   holds no pixels.
    public nonisolated func detect(
        _ sampleBuffer: CMSampleBuffer, orientation: CGImagePropertyOrientation? = nil
    ) async throws -> [Face] {
        try await detect(VideoFrame(sampleBuffer, orientation: orientation))
    }

    /// Returns the faces in an image file, best first, in pixels of the whole upright image.
    ///
    /// The file's orientation applies. It is decoded no larger than the model needs. Running mode `.image` only.
    ///
    /// - Throws: `FaceDetectorError`: `.imageUnreadable`, and whatever the detection in a `CGImage` throws.
    public nonisolated func detect(contentsOf url: URL) async throws -> [Face] {
        try await search(nil) { try Photograph(CGImageSourceCreateWithURL(url as CFURL, nil)) }
    }

    /// Returns the faces in the data of an image file, best first, in pixels of the whole upright image.
    ///
    /// The data's orientation applies. It is decoded no larger than the model needs. Running mode `.image` only.
    ///
    /// - Throws: `FaceDetectorError`: `.imageUnreadable`, and whatever the detection in a `CGImage` throws.
    public nonisolated func detect(_ data: Data) async throws -> [Face] {
        try await search(nil) { try Photograph(CGImageSourceCreateWithData(data as CFData, nil)) }
    }

    /// Returns the faces in an image of Core Image's, best first, in pixels of the upright image.
    ///
    /// The origin is the upper left corner of the image's extent, y grows downwards. Running mode `.image` only.
    ///
    /// - Parameters:
    ///   - image: The image, rendered no larger than the model needs.
    ///   - orientation: How the image's pixels are turned; nil takes the configuration's.
    /// - Throws: `FaceDetectorError`: `.invalidImageSize` if the extent is empty or infinite, and whatever the detection in a
    ///   `CGImage` throws.
    public nonisolated func detect(
        _ image: CIImage, orientation: CGImagePropertyOrientation? = nil
    ) async throws -> [Face] {
        try await search(orientation) { try Photograph(image) }
    }

    #if canImport(UIKit)
        /// Returns the faces in an image, best first, in pixels (not points) of the upright image.
        ///
        /// The image's own orientation applies. Running mode `.image` only.
        ///
        /// - Throws: `FaceDetectorError`: `.imageWithoutBitmap` for images that are made neither of a `CGImage` nor of a
        ///   `CIImage`, and whatever the detection in a `CGImage` throws.
        public nonisolated func detect(_ image: UIImage) async throws -> [Face] {
            let orientation = CGImagePropertyOrientation(image.imageOrientation)
            if let bitmap = image.cgImage { return try await detect(bitmap, orientation: orientation) }
            guard let filtered = image.ciImage else { throw FaceDetectorError.imageWithoutBitmap }
            return try await detect(filtered, orientation: orientation)
        }
    #elseif canImport(AppKit)
        /// Returns the faces in an image, best first, in pixels (not points) of the bitmap that fits it best.
        ///
        /// Running mode `.image` only.
        ///
        /// - Throws: `FaceDetectorError`: `.imageWithoutBitmap` for images that cannot be drawn, and whatever
        ///   the detection in a `CGImage` throws.
        public nonisolated func detect(_ image: NSImage) async throws -> [Face] {
            guard let bitmap = image.cgImage(forProposedRect: nil, context: nil, hints: nil) else {
                throw FaceDetectorError.imageWithoutBitmap
            }
            return try await detect(bitmap, orientation: .up)
        }
    #endif
}

#if canImport(UIKit)
    extension CGImagePropertyOrientation {
        /// The EXIF orientation that means the same as UIKit's.
        init(_ orientation: UIImage.Orientation) {
            switch orientation {
            case .up: self = .up
            case .down: self = .down
            case .left: self = .left
            case .right: self = .right
            case .upMirrored: self = .upMirrored
            case .downMirrored: self = .downMirrored
            case .leftMirrored: self = .leftMirrored
            case .rightMirrored: self = .rightMirrored
            @unknown default: self = .up
            }
        }
    }
#endif
