import CoreVideo
import XCTest

@testable import BlazeFace

/// Streams of frames through the tracker.
final class TrackStreamTests: XCTestCase {
    func testNewestFrameWins() async throws {
        let tracker = try await makeTracker(FakeLandmarks(), .init(runningMode: .liveStream))
        await expect("wrongRunningMode") { _ = try await tracker.track(pixelBuffer(), timestamp: 0) }
        let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
        var iterator = tracker.trackedFrames(in: frames).makeAsyncIterator()
        camera.yield(frame(0))
        let first = try await iterator.next()
        XCTAssertEqual(first?.timestamp, 0)
        XCTAssertEqual(first?.faces.map(\.state), [.detected])
        // The consumer is away while five frames come.
        for time in 1...5 { camera.yield(frame(Double(time))) }
        try await Task.sleep(nanoseconds: 200_000_000)
        let second = try await iterator.next()
        XCTAssertEqual(second?.timestamp, 5)
        XCTAssertEqual(second?.faces.map(\.state), [.tracked])
        camera.yield(frame(6))
        _ = try await iterator.next()
        let counters = await tracker.counters
        XCTAssertEqual(counters, FaceTracker.Counters(frames: 3, detectorRuns: 1, droppedFrames: 4))
        camera.finish()
        let end = try await iterator.next()
        XCTAssertNil(end)
    }

    func testVideoLooksAtEveryFrame() async throws {
        let tracker = try await makeTracker(FakeLandmarks())
        let frames = AsyncStream<VideoFrame> { camera in
            for time in 0..<20 { camera.yield(self.frame(Double(time))) }
            camera.finish()
        }
        var ages: [Int] = []
        for try await found in tracker.trackedFrames(in: frames) { ages.append(found.faces[0].age) }
        XCTAssertEqual(ages, Array(1...20))
        let counters = await tracker.counters
        XCTAssertEqual(counters.droppedFrames, 0)
    }

    func testErrorsEndTheStream() async throws {
        for mode in FaceTracker.RunningMode.allCases {
            let tracker = try await makeTracker(FakeLandmarks(), .init(runningMode: mode))
            let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
            var iterator = tracker.trackedFrames(in: frames).makeAsyncIterator()
            camera.yield(frame(3))
            _ = try await iterator.next()
            camera.yield(frame(2))
            await expect("timestampNotRising") { _ = try await iterator.next() }
            camera.yield(frame(4))
            await tracker.close()
            await expect("closed") { _ = try await iterator.next() }
        }
    }

    private func frame(_ time: Double) -> VideoFrame { VideoFrame(pixelBuffer(), timestamp: time) }
}
