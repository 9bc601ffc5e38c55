@_exported import Foundation

public struct OSSignpostID: Sendable {
    public static let exclusive = OSSignpostID()
}

public struct OSSignposter: Sendable {
    /// The names of all intervals so far, for tests that look at one detector at a time.
    public nonisolated(unsafe) static var stubIntervals: [String] = []

    private static let lock = NSLock()

    public init(subsystem: String, category: String) {}

    public func withIntervalSignpost<T>(
        _ name: StaticString, id: OSSignpostID = .exclusive, around task: () throws -> T
    ) rethrows -> T {
        Self.lock.withLock { Self.stubIntervals.append("\(name)") }
        return try task()
    }
}
