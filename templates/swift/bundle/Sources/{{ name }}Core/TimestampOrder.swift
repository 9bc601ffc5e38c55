// SPDX-License-Identifier: Apache-2.0

/// Holds frames to rising timestamps.
package struct TimestampOrder: Sendable {
    private var previous: Double?

    package init() {}

    /// Takes note of a frame's timestamp, in seconds, and returns it.
    ///
    /// - Throws: `FaceDetectorError.timestampMissing` or `.timestampNotRising`; the frame then leaves no trace.
    @discardableResult
    package mutating func accept(_ timestamp: Double?) throws -> Double {
        guard let timestamp, timestamp.isFinite else { throw FaceDetectorError.timestampMissing }
        if let previous, timestamp <= previous {
            throw FaceDetectorError.timestampNotRising(previous: previous, given: timestamp)
        }
        previous = timestamp
        return timestamp
    }
}
