// SPDX-License-Identifier: Apache-2.0

/// Holds a stream to a number of frames a second.
package struct FramePacer: Sendable {
    /// How much the device has to spare.
    package enum Load: Sendable {
        case nominal
        /// The device is hot, or saves its battery: half the frames.
        case reduced
        /// The device is about to protect itself from heat: a quarter of them.
        case minimal

        fileprivate var divisor: Double {
            switch self {
            case .nominal: return 1
            case .reduced: return 2
            case .minimal: return 4
            }
        }
    }

    /// Timestamps of cameras jitter by so many seconds.
    private static let jitter = 0.002

    private let maximumFrameRate: Double?
    private var last = -Double.infinity
    private var due = -Double.infinity

    /// - Parameter maximumFrameRate: Frames a second, above 0; nil lets all through, whatever the load.
    package init(maximumFrameRate: Double?) { self.maximumFrameRate = maximumFrameRate }

    /// Returns whether a frame's turn has come.
    package mutating func accepts(_ seconds: Double?, load: Load) -> Bool {
        guard let maximumFrameRate, let seconds, seconds.isFinite else { return true }
        let interval = load.divisor / maximumFrameRate
        // Where time goes back another video begins.
        if seconds < last { due = seconds }
        guard seconds + Self.jitter >= due else { return false }
        last = seconds
        // In step with the rate where frames come steadily, so that 30 a second may become 20.
        due = seconds - due > interval ? seconds + interval : due + interval
        return true
    }
}
