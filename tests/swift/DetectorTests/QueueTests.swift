import CoreML
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// Detectors beside the rest of an app: their own queues, changes while they run, what results say of themselves.
final class QueueTests: XCTestCase {
    func testRunsDoNotBlockSwiftsOwnThreads() async throws {
        let count = ProcessInfo.processInfo.activeProcessorCount + 2
        let fake = FakeModel()
        var detectors: [FaceDetector] = []
        for _ in 0..<count { detectors.append(try await makeDetector(fake)) }
        // Every run waits for a task that needs one of the threads that Swift has, as many as the processor has cores.
        let gate = DispatchSemaphore(value: 0)
        let opened = Shared(true)
        fake.failsOn = { _ in
            if gate.wait(timeout: .now() + 10) == .timedOut { opened.value = false }
            return false
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for detector in detectors {
                group.addTask { try await detector.detect(pixelBuffer()).count }
            }
            try await Task.sleep(nanoseconds: 100_000_000)
            group.addTask {
                for _ in 0..<count { gate.signal() }
                return 1
            }
            for try await faces in group { XCTAssertEqual(faces, 1) }
        }
        XCTAssertTrue(opened.value, "the task ran while all detectors were at work")
    }

    func testUpdateChangesWhatCountsAsAFace() async throws {
        let detector = try await makeDetector(FakeModel(), .init(minimumScore: 0, blendingIoU: 1))
        let all = try await detector.detect(pixelBuffer())
        XCTAssertGreaterThan(all.count, 1)
        try await detector.update(maximumFaces: 1)
        let best = try await detector.detect(pixelBuffer())
        XCTAssertEqual(best, [all[0]])
        try await detector.update(minimumScore: 1)
        XCTAssertEqual(detector.configuration.maximumFaces, 1)
        let none = try await detector.detect(pixelBuffer())
        XCTAssertEqual(none, [])
        await expect("invalidConfiguration") { try await detector.update(minimumScore: 2, maximumFaces: .some(nil)) }
        XCTAssertEqual(detector.configuration.maximumFaces, 1)
        try await detector.update(minimumScore: 0, maximumFaces: .some(nil))
        let again = try await detector.detect(pixelBuffer())
        XCTAssertEqual(again, all)
    }

    func testResetBeginsAnotherVideo() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .video))
        _ = try await detector.detect(pixelBuffer(), timestamp: 9)
        await expect("timestampNotRising") { _ = try await detector.detect(pixelBuffer(), timestamp: 1) }
        await detector.reset()
        _ = try await detector.detect(pixelBuffer(), timestamp: 1)
    }

    func testResultsSayHowLongTheyTook() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .video))
        let frames = AsyncStream<VideoFrame> { camera in
            camera.yield(VideoFrame(pixelBuffer(), timestamp: 0))
            camera.finish()
        }
        var count = 0
        for try await found in detector.detections(in: frames) {
            let durations = try XCTUnwrap(found.durations)
            for part in [durations.preprocess, durations.inference, durations.postprocess] {
                XCTAssertGreaterThan(part, .zero)
            }
            let parts = durations.preprocess + durations.inference + durations.postprocess
            XCTAssertGreaterThan(durations.endToEnd, parts)
            count += 1
        }
        XCTAssertEqual(count, 1)
    }
}
