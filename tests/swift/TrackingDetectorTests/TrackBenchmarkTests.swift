import XCTest

/// What the sample app of a package that tracks prints in its benchmark mode.
final class TrackBenchmarkTests: XCTestCase {
    func testTrackerIsMeasuredToo() async throws {
        try FakeLandmarks().install()
        try await BenchmarkTests.check(measurements: 4)
    }
}
