import CoreML
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// What starts remember of earlier ones.
final class JournalTests: XCTestCase {
    private let gpu = FaceDetector.Configuration(computeUnits: .cpuAndGPU)

    func testUnitsOnWhichTheAppDiedTwiceAreLeftOut() async throws {
        let store = ModelStore.temporary()
        for death in 1...2 {
            try die(on: .cpuAndGPU, in: store)
            let fake = FakeModel()
            let active = try await makeDetector(fake, gpu, store: store, forgetting: true).activeComputeUnits
            // Whatever else is tried, the GPU is not loaded after the second death.
            XCTAssertEqual(active.units, death == 1 ? .cpuAndGPU : .cpuAndNeuralEngine)
            XCTAssertEqual(fake.loaded.contains { $0.units == .cpuAndGPU }, death == 1)
            if death == 1 { try die(on: .cpuAndGPU, in: store) }
        }
    }

    func testStartThatEndsForgivesOneDeath() async throws {
        let store = ModelStore.temporary()
        for _ in 1...3 {
            try die(on: .cpuAndGPU, in: store)
            let active = try await makeDetector(FakeModel(), gpu, store: store, forgetting: true).activeComputeUnits
            XCTAssertEqual(active.units, .cpuAndGPU)
        }
    }

    func testAttemptIsWrittenDownBeforeItBegins() async throws {
        let store = ModelStore.temporary()
        let fake = FakeModel()
        var seen: [String] = []
        fake.loadFails = { _ in
            seen.append((try? String(contentsOf: store.journal.file, encoding: .utf8)) ?? "")
            return false
        }
        _ = try await makeDetector(fake, gpu, store: store)
        XCTAssertEqual(seen.count, 1)
        XCTAssertTrue(seen[0].contains(" GPU"), seen[0])
        let after = try String(contentsOf: store.journal.file, encoding: .utf8)
        XCTAssertTrue(after.contains("\"attempts\":[]"), after)
    }

    func testNewSystemOrDamageForgetsAll() async throws {
        for damage in [false, true] {
            let store = ModelStore.temporary()
            for _ in 1...2 { try die(on: .cpuAndGPU, in: store) }
            if damage { try Data("{".utf8).write(to: store.journal.file) }
            let next = ModelStore(
                resources: store.resources, cache: store.cache, device: .test(system: damage ? "1" : "2"))
            let active = try await makeDetector(FakeModel(), gpu, store: next).activeComputeUnits
            XCTAssertEqual(active.units, .cpuAndGPU)
        }
    }

    func testStartsCanBeForgotten() async throws {
        let store = ModelStore.temporary()
        for _ in 1...2 { try die(on: .cpuAndGPU, in: store) }
        FaceDetector.forgetStarts(in: store.cache)
        let active = try await makeDetector(FakeModel(), gpu, store: store).activeComputeUnits
        XCTAssertEqual(active.units, .cpuAndGPU)
    }

    func testOutcomeIsKept() async throws {
        let store = ModelStore.temporary()
        let fake = FakeModel()
        fake.logitError = { $0.computeUnits == .cpuOnly ? 0 : 9 }
        let first = try await makeDetector(fake, gpu, store: store).activeComputeUnits
        let walked = fake.loaded.count
        let second = try await FaceDetector(configuration: gpu, store: store).activeComputeUnits
        XCTAssertEqual(fake.loaded.count, walked + 1, "the later start goes straight to the CPU")
        XCTAssertEqual(second, first)
        // What no longer holds is looked for anew.
        fake.logitError = { $0.computeUnits == .cpuOnly ? 9 : 0 }
        let third = try await FaceDetector(configuration: gpu, store: store).activeComputeUnits
        XCTAssertEqual(third.units, .cpuAndGPU)
        let fourth = try await FaceDetector(configuration: gpu, store: store).activeComputeUnits
        XCTAssertEqual(fourth, third)
    }

    func testFastestUnitsAreTakenAndKept() async throws {
        for (winner, others) in [
            (MLComputeUnits.cpuAndNeuralEngine, [MLComputeUnits.cpuAndGPU, .cpuOnly]),
            (.cpuOnly, [.cpuAndGPU, .cpuAndNeuralEngine]), (.cpuAndGPU, [.cpuAndNeuralEngine, .cpuOnly]),
        ] {
            let fake = FakeModel()
            fake.seconds = { $0.computeUnits == winner ? 0.001 : 0.003 }
            let store = ModelStore.temporary(device: .test { fake.clock })
            let active = try await makeDetector(fake, store: store).activeComputeUnits
            XCTAssertEqual(active.units, winner)
            XCTAssertEqual(active.precision, .float16)
            XCTAssertEqual(active.rejections.count, others.count)
            for rejection in active.rejections {
                XCTAssertEqual(rejection.reason, "slower, 3.00 ms a run for 1.00 ms")
            }
            let before = fake.loaded.count
            _ = try await FaceDetector(configuration: .init(), store: store)
            XCTAssertEqual(fake.loaded.dropFirst(before).map(\.units), [winner], "timed once")
        }
    }

    func testSimulatorTakesTheCPU() async throws {
        let fake = FakeModel()
        let store = ModelStore.temporary(device: .test(isSimulator: true))
        for units in ComputeUnits.allCases {
            _ = try await makeDetector(fake, .init(computeUnits: units), store: store)
        }
        XCTAssertEqual(Set(fake.loaded.map(\.units)), [.cpuOnly])
    }

    /// Leaves in the journal what a process leaves that dies while a model starts.
    private func die(on units: MLComputeUnits, in store: ModelStore) throws {
        let key = "\(ModelSpecification.shipped.resources[0].packageSHA256.prefix(16)) GPU"
        var journal = store.journal
        journal.process = UUID().uuidString
        journal.begin(key)
    }

    private func makeDetector(
        _ fake: FakeModel, _ configuration: FaceDetector.Configuration = .init(), store: ModelStore,
        forgetting: Bool = false
    ) async throws -> FaceDetector {
        if forgetting {
            // So that the ladder is walked again.
            for units in ComputeUnits.allCases {
                let model = ModelSpecification.shipped.resources[0].packageSHA256.prefix(16)
                store.journal.keep(nil, "\(model) \(units.rawValue)")
            }
        }
        try fake.install()
        return try await FaceDetector(configuration: configuration, store: store)
    }
}
