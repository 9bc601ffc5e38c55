// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import CoreVideo
import Foundation

extension FaceDetector {
    /// Returns what is found in a stream of frames, frame by frame.
    ///
    /// In the running mode `.liveStream` the newest frame wins: while a frame is being searched, or its result used,
    /// only the latest of those that arrive is kept; ``FrameDetections/droppedFrames`` counts the others, and those
    /// beyond the maximum frame rate. In the mode
    /// `.video` every frame is searched, and the sequence is read only as fast as that goes.
    ///
    /// ```swift
    /// for try await found in detector.detections(in: frames) {
    ///     overlay.faces = found.faces
    /// }
    /// ```
    ///
    /// A frame that cannot be searched has no faces and says why in ``FrameDetections/failure``: so do all frames in the
    /// background while the model runs on the GPU. After a timestamp that goes back the next frame begins a new video.
    ///
    /// The loop ends with the frames. It throws `FaceDetectorError.wrongRunningMode` in the mode `.image` and `.closed`
    /// after ``close()``, and whatever `frames` throws.
    ///
    /// In the mode `.liveStream` leaving the loop, by `break` or by an error, also ends `frames` if it is an `AsyncStream`:
    /// make a new one for the next loop. Give it the buffering policy `.bufferingNewest(1)`: frames that wait keep the
    /// camera's buffers.
    ///
    /// - Parameter frames: Frames in the order they were taken, for instance an `AsyncStream` that a camera feeds.
    public nonisolated func detections<Frames>(in frames: Frames) -> Detections<Frames> {
        Detections(detector: self, frames: frames)
    }

    /// The results for a stream of frames; see ``detections(in:)``.
    public struct Detections<Frames: AsyncSequence & Sendable>: AsyncSequence, Sendable
    where Frames.Element == VideoFrame {
        /// What was found in one frame.
        public typealias Element = FrameDetections

        let detector: FaceDetector
        let frames: Frames

        /// Begins to read the frames.
        public func makeAsyncIterator() -> Iterator {
            Iterator(detector: detector, frames: frames)
        }

        /// Searches one frame a step.
        public struct Iterator: AsyncIteratorProtocol {
            private let detector: FaceDetector
            private var source: FrameSource<Frames>?
            private var pacer: FramePacer
            /// How many frames the pacer has left out.
            private var leftOut = 0

            init(detector: FaceDetector, frames: Frames) {
                self.detector = detector
                pacer = FramePacer(maximumFrameRate: detector.configuration.maximumFrameRate)
                switch detector.configuration.runningMode {
                case .image: source = nil
                case .video: source = .all(frames)
                case .liveStream: source = .newest(frames)
                }
            }

            /// Returns what is found in the next frame, nil after the last.
            public mutating func next() async throws -> FrameDetections? {
                guard source != nil else {
                    throw FaceDetectorError.wrongRunningMode(
                        detail: "detections(in:) is for the modes .video and .liveStream; this detector's is .image.")
                }
                guard var (frame, dropped) = try await source?.next() else { return nil }
                if detector.configuration.runningMode == .liveStream {
                    while !pacer.accepts(frame.timestamp, load: detector.load) {
                        leftOut += 1
                        guard let next = try await source?.next() else { return nil }
                        (frame, dropped) = next
                    }
                }
                let (found, failure) = try await detector.searchInStream(frame)
                return FrameDetections(
                    faces: found?.faces ?? [],
                    imageSize: found?.imageSize ?? frame.uprightSize(detector.configuration),
                    timestamp: frame.timestamp,
                    droppedFrames: dropped + leftOut,
                    detectorRan: found?.detectorRan ?? false,
                    durations: found?.durations,
                    failure: failure
                )
            }
        }
    }
}

/// What was found in one frame of a stream.
public struct FrameDetections: Sendable, Equatable {
    /// The faces, best first.
    public let faces: [Face]
    /// The size of the upright frame in pixels.
    public let imageSize: CGSize
    /// The frame's time in seconds.
    public let timestamp: TimeInterval?
    /// How many frames were dropped since the stream began: newer ones came before they could be searched, or they were
    /// more than the maximum frame rate.
    public let droppedFrames: Int
    /// Whether this frame was searched; otherwise the faces are those of the last one that was.
    public let detectorRan: Bool
    /// How long the frame took; nil if it could not be searched.
    public let durations: FrameDurations?
    /// Why the frame could not be searched; nil if it was.
    public let failure: FaceDetectorError?
}

extension FaceDetector {
    /// Searches a frame of a stream: what concerns this frame alone does not end the stream.
    fileprivate func searchInStream(_ frame: VideoFrame) throws -> (Pipeline.Found?, FaceDetectorError?) {
        do {
            var found = try search(frame)
            found.durations.endToEnd = frame.arrival.duration(to: .now)
            return (found, nil)
        } catch let error as FaceDetectorError where error.concernsOneFrame {
            if error.isStepBack { reset() }
            return (nil, error)
        }
    }
}

extension VideoFrame {
    /// The size in pixels once upright.
    func uprightSize(_ configuration: FaceDetector.Configuration) -> CGSize {
        let (width, height) = (CVPixelBufferGetWidth(pixelBuffer), CVPixelBufferGetHeight(pixelBuffer))
        let turned = configuration.frameOrientation(orientation).swapsSides
        return turned ? CGSize(width: height, height: width) : CGSize(width: width, height: height)
    }
}
