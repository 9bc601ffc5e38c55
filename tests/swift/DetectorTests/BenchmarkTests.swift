import BlazeFaceBenchmark
import XCTest

@testable import BlazeFace

/// What the sample app prints in its benchmark mode.
final class BenchmarkTests: XCTestCase {
    func testEveryMeasurementIsALineOfJSON() async throws {
        try XCTSkipIf(
            FileManager.default.fileExists(
                atPath: ModelStore.shipped.resources.appendingPathComponent("landmarks-selftest.bin").path),
            "TrackBenchmarkTests has fakes of both models")
        try FakeModel().install()
        try await Self.check(measurements: 2)
    }

    static func check(measurements: Int) async throws {
        let lines = Shared<[String]>([])
        let benchmark = Benchmark(environment: ["SDKGEN_FRAMES": "3", "SDKGEN_UNITS": "cpu"])
        XCTAssertEqual(benchmark.computeUnits, .cpuOnly)
        try await benchmark.run { lines.value.append($0) }
        // The Python side reads these from what the tests print.
        for line in lines.value { print(line) }
        let last = try XCTUnwrap(lines.value.last)
        XCTAssertEqual(last, "SDKGEN-END {\"measurements\":\(measurements)}")
        XCTAssertEqual(lines.value.count, measurements + 1)
        for line in lines.value.dropLast() {
            XCTAssertTrue(line.hasPrefix("SDKGEN-SAMPLES {"), line)
            let json = try XCTUnwrap(
                JSONSerialization.jsonObject(with: Data(line.dropFirst("SDKGEN-SAMPLES ".count).utf8))
                    as? [String: Any])
            XCTAssertEqual((json["milliseconds"] as? [Double])?.count, 3)
        }
    }

    func testIsRunOnlyWhereItIsAskedFor() {
        XCTAssertNil(Benchmark.requested)
        XCTAssertEqual(Benchmark(environment: ["SDKGEN_FRAMES": "-1"]).frames, 1)
        XCTAssertEqual(Benchmark(environment: [:]).computeUnits, .automatic)
    }
}
