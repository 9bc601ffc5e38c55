import CoreVideo
import XCTest

@testable import BlazeFace

/// Streams of frames: order, back-pressure, ends.
final class StreamTests: XCTestCase {
    func testNewestFrameWins() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .liveStream))
        let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
        var iterator = detector.detections(in: frames).makeAsyncIterator()
        camera.yield(frame(0))
        let first = try await iterator.next()
        XCTAssertEqual(first?.timestamp, 0)
        XCTAssertEqual(first?.droppedFrames, 0)
        XCTAssertEqual(first?.faces.count, 1)
        XCTAssertEqual(first?.imageSize, CGSize(width: 64, height: 48))
        // The consumer is away while five frames come.
        for time in 1...5 { camera.yield(frame(Double(time))) }
        try await Task.sleep(nanoseconds: 200_000_000)
        let second = try await iterator.next()
        XCTAssertEqual(second?.timestamp, 5)
        XCTAssertEqual(second?.droppedFrames, 4)
        camera.yield(frame(6))
        let third = try await iterator.next()
        XCTAssertEqual(third?.timestamp, 6)
        XCTAssertEqual(third?.droppedFrames, 4)
        camera.finish()
        let end = try await iterator.next()
        XCTAssertNil(end)
    }

    func testVideoSearchesEveryFrame() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .video))
        let frames = AsyncStream<VideoFrame> { camera in
            for time in 0..<20 { camera.yield(self.frame(Double(time))) }
            camera.finish()
        }
        var times: [Double?] = []
        for try await found in detector.detections(in: frames) {
            times.append(found.timestamp)
            XCTAssertEqual(found.droppedFrames, 0)
        }
        XCTAssertEqual(times, (0..<20).map(Double.init))
    }

    func testModes() async throws {
        let image = try await makeDetector(FakeModel())
        let frames = AsyncStream<VideoFrame> { $0.finish() }
        await expect("wrongRunningMode") { for try await _ in image.detections(in: frames) {} }
        let live = try await makeDetector(FakeModel(), .init(runningMode: .liveStream))
        await expect("wrongRunningMode") { _ = try await live.detect(pixelBuffer(), timestamp: 1) }
    }

    func testFramesThatFailAreReportedAndSkipped() async throws {
        for mode in [FaceDetector.RunningMode.video, .liveStream] {
            let detector = try await makeDetector(FakeModel(), .init(runningMode: mode))
            let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
            var iterator = detector.detections(in: frames).makeAsyncIterator()
            camera.yield(frame(3))
            _ = try await iterator.next()
            for time in [3.0, 2] {
                camera.yield(frame(time))
                let late = try await iterator.next()
                XCTAssertEqual(late?.failure, .timestampNotRising(previous: 3, given: time))
                XCTAssertEqual(late?.faces, [])
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
            await detector.close()
            await expect("closed") { _ = try await iterator.next() }
        }
    }

    func testErrorsOfTheSourceComeThrough() async throws {
        struct Unplugged: Error {}
        for mode in [FaceDetector.RunningMode.video, .liveStream] {
            let detector = try await makeDetector(FakeModel(), .init(runningMode: mode))
            let frames = AsyncThrowingStream<VideoFrame, any Error> { $0.finish(throwing: Unplugged()) }
            do {
                for try await _ in detector.detections(in: frames) {}
                XCTFail("nothing was thrown")
            } catch { XCTAssertTrue(error is Unplugged) }
        }
    }

    func testSourceIsLetGoWithTheConsumer() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .liveStream))
        let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
        let ended = expectation(description: "the camera is told")
        camera.onTermination = { _ in ended.fulfill() }
        let consumer = Task {
            for try await _ in detector.detections(in: frames) { break }
        }
        camera.yield(frame(0))
        try await consumer.value
        await fulfillment(of: [ended], timeout: 5)
    }

    func testCancellationEndsTheLoop() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .liveStream))
        let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
        let consumer = Task {
            var count = 0
            for try await _ in detector.detections(in: frames) { count += 1 }
            return count
        }
        camera.yield(frame(0))
        try await Task.sleep(nanoseconds: 100_000_000)
        consumer.cancel()
        let count = try await consumer.value
        XCTAssertLessThanOrEqual(count, 1)
    }

    private func frame(_ time: Double) -> VideoFrame { VideoFrame(pixelBuffer(), timestamp: time) }
}
