import CoreML
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// What happens while the app is not active, and when it is again.
final class BackgroundTests: XCTestCase {
    private let foreground = Notification.Name("UIApplicationDidBecomeActiveNotification")

    func testWhatIsNotWrittenDecodesToNothing() async throws {
        let fake = FakeModel()
        let detector = try await makeDetector(fake)
        let before = try await detector.detect(pixelBuffer())
        XCTAssertEqual(before.count, 1)
        fake.writesNothing = true
        let stale = try await detector.detect(pixelBuffer())
        XCTAssertEqual(stale, [])
        fake.writesNothing = false
        let after = try await detector.detect(pixelBuffer())
        XCTAssertEqual(after, before)
    }

    func testStreamOutlivesFramesThatFail() async throws {
        for mode in [FaceDetector.RunningMode.video, .liveStream] {
            let fake = FakeModel()
            let detector = try await makeDetector(fake, .init(runningMode: mode))
            let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
            var iterator = detector.detections(in: frames).makeAsyncIterator()
            for time in 0..<6 {
                fake.predictionFails = (2...3).contains(time)
                camera.yield(VideoFrame(pixelBuffer(), timestamp: Double(time)))
                let found = try await iterator.next()
                XCTAssertEqual(found?.timestamp, Double(time))
                XCTAssertEqual(found?.faces.count, fake.predictionFails ? 0 : 1)
                XCTAssertEqual(found?.failure != nil, fake.predictionFails)
                XCTAssertEqual(found?.durations == nil, fake.predictionFails)
                XCTAssertEqual(found?.imageSize, CGSize(width: 64, height: 48))
            }
        }
    }

    func testDetectorThatStartedInTheBackgroundClimbsBack() async throws {
        let fake = FakeModel()
        let store = ModelStore.temporary()
        fake.failsOn = { $0.computeUnits == .cpuAndGPU }
        try fake.install()
        let configuration = FaceDetector.Configuration(computeUnits: .cpuAndGPU)
        let detector = try await FaceDetector(configuration: configuration, store: store)
        XCTAssertEqual(detector.activeComputeUnits.units, .cpuAndNeuralEngine)
        fake.failsOn = { _ in false }
        NotificationCenter.default.post(name: foreground, object: nil)
        await until { detector.activeComputeUnits.units == .cpuAndGPU }
        let faces = try await detector.detect(pixelBuffer())
        XCTAssertEqual(faces.count, 1)
        // What was found in the background is not what later starts take.
        let next = try await FaceDetector(configuration: configuration, store: store)
        XCTAssertEqual(next.activeComputeUnits.units, .cpuAndGPU)
    }

    func testDetectorWhoseUnitsFailedLooksAgain() async throws {
        for writesNothing in [true, false] {
            let fake = FakeModel()
            let detector = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU))
            let loaded = fake.loaded.count
            NotificationCenter.default.post(name: foreground, object: nil)
            _ = try await detector.detect(pixelBuffer())
            XCTAssertEqual(fake.loaded.count, loaded, "nothing failed")
            fake.writesNothing = writesNothing
            fake.predictionFails = !writesNothing
            _ = try? await detector.detect(pixelBuffer())
            (fake.writesNothing, fake.predictionFails) = (false, false)
            NotificationCenter.default.post(name: foreground, object: nil)
            await until { fake.loaded.count > loaded }
            let faces = try await detector.detect(pixelBuffer())
            XCTAssertEqual(faces.count, 1)
        }
    }

    func testClosedDetectorStaysClosed() async throws {
        let fake = FakeModel()
        let detector = try await makeDetector(fake)
        fake.predictionFails = true
        _ = try? await detector.detect(pixelBuffer())
        await detector.close()
        let loaded = fake.loaded.count
        await detector.restart()
        XCTAssertEqual(fake.loaded.count, loaded)
    }
}

/// Waits for what another task brings about; fails after some seconds.
func until(file: StaticString = #filePath, line: UInt = #line, _ holds: () -> Bool) async {
    for _ in 0..<500 where !holds() { try? await Task.sleep(nanoseconds: 10_000_000) }
    XCTAssertTrue(holds(), file: file, line: line)
}
