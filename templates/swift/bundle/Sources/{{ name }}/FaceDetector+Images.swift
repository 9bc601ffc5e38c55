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
    /// The formats 420v, 420f, BGRA and RGBA are supported.
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

    #if canImport(UIKit)
        /// Returns the faces in an image, best first, in pixels (not points) of the upright image.
        ///
        /// The image's own orientation is heeded. Running mode `.image` only.
        ///
        /// - Throws: `FaceDetectorError`: `.imageWithoutBitmap` for images that are not made of a `CGImage`, and
        ///   whatever the detection in a `CGImage` throws.
        public nonisolated func detect(_ image: UIImage) async throws -> [Face] {
            guard let bitmap = image.cgImage else { throw FaceDetectorError.imageWithoutBitmap }
            return try await detect(bitmap, orientation: CGImagePropertyOrientation(image.imageOrientation))
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
