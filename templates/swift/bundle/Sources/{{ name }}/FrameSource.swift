// SPDX-License-Identifier: Apache-2.0

/// Where a loop over results takes its frames from: every frame, or the newest of those that came meanwhile.
struct FrameSource<Frames: AsyncSequence & Sendable> where Frames.Element == VideoFrame {
    private enum Base {
        case all(Frames.AsyncIterator)
        case newest(NewestElements<Frames>.Iterator)
    }

    private var base: Base

    /// Every frame, read only as fast as results are used.
    static func all(_ frames: Frames) -> FrameSource { FrameSource(base: .all(frames.makeAsyncIterator())) }

    /// The newest frame: the others are read and dropped.
    static func newest(_ frames: Frames) -> FrameSource {
        FrameSource(base: .newest(NewestElements(frames).makeAsyncIterator()))
    }

    /// Returns the next frame, and how many were dropped since the beginning; nil after the last.
    ///
    /// - Throws: What the sequence of frames throws.
    mutating func next() async throws -> (frame: VideoFrame, dropped: Int)? {
        switch base {
        case .all(var iterator):
            guard let frame = try await iterator.next() else { return nil }
            base = .all(iterator)
            return (frame, 0)
        case .newest(var iterator):
            guard let newest = try await iterator.next() else { return nil }
            base = .newest(iterator)
            return (newest.value, newest.dropped)
        }
    }
}
