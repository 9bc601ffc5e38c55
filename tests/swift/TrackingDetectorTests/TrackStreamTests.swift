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

    func testFramesThatFailAreReportedAndSkipped() async throws {
        for mode in FaceTracker.RunningMode.allCases {
            let tracker = try await makeTracker(FakeLandmarks(), .init(runningMode: mode))
            let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
            var iterator = tracker.trackedFrames(in: frames).makeAsyncIterator()
            camera.yield(frame(3))
            _ = try await iterator.next()
            for time in [3.0, 2] {
                camera.yield(frame(time))
                let late = try await iterator.next()
                XCTAssertEqual(late?.failure, .timestampNotRising(previous: 3, given: time))
                XCTAssertEqual(late?.faces, [])
                XCTAssertEqual(late?.lost, time < 3 ? [1] : [])
                XCTAssertEqual(late?.imageSize, CGSize(width: 64, height: 48))
            }
            // Time went back: this frame begins another video.
            camera.yield(frame(1))
            let next = try await iterator.next()
            XCTAssertNil(next?.failure)
            XCTAssertEqual(next?.faces.count, 1)
            camera.yield(VideoFrame(pixelBuffer(8, 8, 0x7934_3230), timestamp: 5))
            let unreadable = try await iterator.next()
            XCTAssertEqual(unreadable?.failure, .unsupportedPixelFormat(format: 0x7934_3230))
            camera.yield(frame(6))
            await tracker.close()
            await expect("closed") { _ = try await iterator.next() }
        }
    }

    private func frame(_ time: Double) -> VideoFrame { VideoFrame(pixelBuffer(), timestamp: time) }
}
