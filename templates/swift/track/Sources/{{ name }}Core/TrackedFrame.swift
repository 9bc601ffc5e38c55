// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A face in one frame of a video.
public struct TrackedFace: Sendable, Hashable, Codable {
    /// How a face came to be in a frame.
    public enum State: String, Sendable, Hashable, Codable {
        /// The detector found it in this frame.
        case detected
        /// It was followed from the frame before.
        case tracked
    }

    /// A number that stays the same while the face stays in sight, and is not given again, also after a reset.
    /// Where faces hide each other it can pass to another person's.
    public let track: Int
    /// How many frames the track has lasted; 1 in its first.
    public let age: Int
    /// How the face came to be in this frame.
    public let state: State
    /// How sure the landmark model is that its crop holds a face, from 0 to 1.
    public let presence: Float
    /// The face, found from its landmarks.
    ///
    /// Its score is the detector's when it first found the face; its rotated rectangle is the crop of this frame that
    /// the landmark model looked at.
    public let face: Face
}

/// What one frame of a video holds.
public struct TrackedFrame: Sendable, Equatable {
    /// The faces, the longest followed first.
    public let faces: [TrackedFace]
    /// The tracks that ended with this frame: these faces are no longer in sight.
    public let lost: [Int]
    /// Whether the detector ran: it sleeps while as many faces as asked for are followed.
    public let detectorRan: Bool
    /// The size of the upright frame in pixels.
    public let imageSize: CGSize
    /// The frame's time in seconds.
    public let timestamp: TimeInterval
    /// How long the frame took; nil if it could not be looked at.
    public package(set) var durations: FrameDurations?
    /// Why a frame of a stream could not be looked at; nil if it was.
    ///
    /// The tracks are then as they were before it, but for those in `lost`.
    public internal(set) var failure: FaceDetectorError?

    /// Makes the frame that could not be looked at; without a timestamp it has NaN.
    package static func failed(
        _ failure: FaceDetectorError, lost: [Int], imageSize: CGSize, timestamp: TimeInterval?
    ) -> TrackedFrame {
        var frame = TrackedFrame(
            faces: [], lost: lost, detectorRan: false, imageSize: imageSize, timestamp: timestamp ?? .nan)
        frame.failure = failure
        return frame
    }
}
