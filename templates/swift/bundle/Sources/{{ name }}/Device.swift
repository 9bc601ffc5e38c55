// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a start has to know about where it runs; tests give their own.
struct Device: Sendable {
    /// A simulator's GPU and Neural Engine are not those of a phone, and some of them compute wrongly.
    let isSimulator: Bool
    /// The system's version and build: another one has another Core ML.
    let system: String
    /// Seconds on a clock that never goes back.
    let now: @Sendable () -> Double
    /// How much the device has to spare.
    var load: @Sendable () -> FramePacer.Load = { .nominal }

    static let current = Device(
        isSimulator: targetsSimulator,
        system: ProcessInfo.processInfo.operatingSystemVersionString,
        now: { milliseconds(since: reference) / 1e3 },
        load: { currentLoad }
    )

    // Not the system's uptime, whose use an app has to justify in its privacy manifest.
    private static let reference = ContinuousClock.now

    private static var currentLoad: FramePacer.Load {
        let process = ProcessInfo.processInfo
        switch process.thermalState {
        case .critical: return .minimal
        case .serious: return .reduced
        default: return process.isLowPowerModeEnabled ? .reduced : .nominal
        }
    }

    private static var targetsSimulator: Bool {
        #if targetEnvironment(simulator)
            return true
        #else
            return false
        #endif
    }
}

/// Returns how many milliseconds have passed since an instant.
func milliseconds(since instant: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = instant.duration(to: .now).components
    return Double(seconds) * 1e3 + Double(attoseconds) / 1e15
}
