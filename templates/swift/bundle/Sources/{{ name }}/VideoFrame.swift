// SPDX-License-Identifier: Apache-2.0

import CoreMedia
import CoreVideo
import Foundation
import ImageIO

/// A frame to be searched: its pixels, how they are turned, and when it was taken.
///
/// A frame may cross from the camera's queue to the detector: that is safe as long as nobody writes to its pixels,
/// which holds for the buffers that cameras and video readers hand out.
public struct VideoFrame: @unchecked Sendable {
    /// The pixels: 420v, 420f, x420, xf20, BGRA or RGBA.
    public let pixelBuffer: CVPixelBuffer
    /// How the pixels are turned; nil takes the configuration's.
    public let orientation: CGImagePropertyOrientation?
    /// When the frame was taken, in seconds; only the order matters.
    public let timestamp: TimeInterval?
    /// When the frame reached the app: where its time end to end begins.
    let arrival = ContinuousClock.now

    /// Makes a frame of a pixel buffer. Do not change its pixels afterwards.
    public init(
        _ pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation? = nil, timestamp: TimeInterval? = nil
    ) {
        self.pixelBuffer = pixelBuffer
        self.orientation = orientation
        self.timestamp = timestamp
    }

    /// Makes a frame of a sample buffer, with its presentation time.
    ///
    /// - Throws: `FaceDetectorError.invalidPixelBuffer` if the sample buffer holds no pixels.
    public init(_ sampleBuffer: CMSampleBuffer, orientation: CGImagePropertyOrientation? = nil) throws {
        guard let pixelBuffer = CMSampleBufferGetImageBuffer(sampleBuffer) else {
            throw FaceDetectorError.invalidPixelBuffer(detail: "the sample buffer holds no image.")
        }
        let time = CMSampleBufferGetPresentationTimeStamp(sampleBuffer).seconds
        self.init(pixelBuffer, orientation: orientation, timestamp: time.isFinite ? time : nil)
    }
}
