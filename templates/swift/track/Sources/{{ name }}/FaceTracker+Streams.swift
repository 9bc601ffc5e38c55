// SPDX-License-Identifier: Apache-2.0

extension FaceTracker {
    /// Returns what is found in a stream of frames, frame by frame.
    ///
    /// In the running mode `.liveStream` the newest frame wins: while a frame is being looked at, or its result used,
    /// only the latest of those that arrive is kept; ``Counters/droppedFrames`` counts the others. In the mode `.video`
    /// every frame is looked at, and the sequence is read only as fast as that goes.
    ///
    /// ```swift
    /// for try await frame in tracker.trackedFrames(in: frames) {
    ///     overlay.faces = frame.faces
    /// }
    /// ```
    ///
    /// A frame that cannot be looked at has no faces and says why in `TrackedFrame.failure`; the tracks stay as they were.
    /// After a timestamp that goes back the tracker begins anew: all tracks are lost.
    ///
    /// The loop ends with the frames. It throws `FaceDetectorError.closed` after ``FaceTracker/close()``, and whatever
    /// `frames` throws.
    ///
    /// In the mode `.liveStream` leaving the loop, by `break` or by an error, also ends `frames` if it is an `AsyncStream`:
    /// make a new one for the next loop. Give it the buffering policy `.bufferingNewest(1)`: frames that wait keep the
    /// camera's buffers.
    ///
    /// - Parameter frames: Frames in the order they were taken, for instance an `AsyncStream` that a camera feeds.
    public nonisolated func trackedFrames<Frames>(in frames: Frames) -> TrackedFrames<Frames> {
        TrackedFrames(tracker: self, frames: frames)
    }

    /// The results for a stream of frames; see ``trackedFrames(in:)``.
    public struct TrackedFrames<Frames: AsyncSequence & Sendable>: AsyncSequence, Sendable
    where Frames.Element == VideoFrame {
        /// What was found in one frame.
        public typealias Element = TrackedFrame

        let tracker: FaceTracker
        let frames: Frames

        /// Begins to read the frames.
        public func makeAsyncIterator() -> Iterator {
            Iterator(tracker: tracker, frames: frames)
        }

        /// Looks at one frame a step.
        public struct Iterator: AsyncIteratorProtocol {
            private let tracker: FaceTracker
            private var source: FrameSource<Frames>
            private var pacer: FramePacer
            private var dropped = 0
            private var leftOut = 0

            init(tracker: FaceTracker, frames: Frames) {
                self.tracker = tracker
                pacer = FramePacer(maximumFrameRate: tracker.configuration.maximumFrameRate)
                switch tracker.configuration.runningMode {
                case .video: source = .all(frames)
                case .liveStream: source = .newest(frames)
                }
            }

            /// Returns what is found in the next frame, nil after the last.
            public mutating func next() async throws -> TrackedFrame? {
                guard var (frame, droppedSoFar) = try await source.next() else { return nil }
                if tracker.configuration.runningMode == .liveStream {
                    while !pacer.accepts(frame.timestamp, load: tracker.load) {
                        leftOut += 1
                        guard let next = try await source.next() else { return nil }
                        (frame, droppedSoFar) = next
                    }
                }
                let total = droppedSoFar + leftOut
                defer { dropped = total }
                return try await tracker.followInStream(frame, dropped: total - dropped)
            }
        }
    }
}
