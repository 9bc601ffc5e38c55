import CoreMedia
import CoreVideo
import ImageIO
import XCTest
import os

@testable import BlazeFace
@testable import BlazeFaceCore

/// Frames through the tracker: both models, states, errors, counters.
final class TrackTests: XCTestCase {
    func testDetectorSleepsWhileTheFaceStays() async throws {
        let fake = FakeLandmarks()
        let tracker = try await makeTracker(fake)
        let before = (fake.detector.runs, fake.runs)
        for number in 1...5 {
            let frame = try await tracker.track(pixelBuffer(200, 100), timestamp: Double(number))
            XCTAssertEqual(frame.detectorRan, number == 1)
            XCTAssertEqual(frame.lost, [])
            XCTAssertEqual(frame.imageSize, CGSize(width: 200, height: 100))
            XCTAssertEqual(frame.timestamp, Double(number))
            let tracked = try XCTUnwrap(frame.faces.first)
            XCTAssertEqual(frame.faces.count, 1)
            XCTAssertEqual(tracked.track, 1)
            XCTAssertEqual(tracked.age, number)
            XCTAssertEqual(tracked.state, number == 1 ? .detected : .tracked)
            XCTAssertGreaterThan(tracked.presence, 0.5)
            XCTAssertEqual(tracked.face.landmarks.count, 468)
        }
        XCTAssertEqual(fake.detector.runs - before.0, 1)
        XCTAssertEqual(fake.runs - before.1, 5)
        let counters = await tracker.counters
        XCTAssertEqual(counters, FaceTracker.Counters(frames: 5, detectorRuns: 1, droppedFrames: 0))
    }

    func testFirstCropIsTheDetectors() async throws {
        let fake = FakeLandmarks()
        let tracker = try await makeTracker(fake)
        let detector = try await FaceDetector(configuration: .init(), store: .temporary())
        let buffer = pixelBuffer(200, 100)
        let detected = try await detector.detect(buffer)[0]
        let tracked = try await tracker.track(buffer, timestamp: 0).faces[0].face
        XCTAssertEqual(tracked.rotatedRect, detected.rotatedRect)
        XCTAssertEqual(tracked.score, detected.score)
        XCTAssertTrue(detected.landmarks.isEmpty)
        // The crop's transform brings the model's own coordinates to the image.
        let transform = tracked.cropTransform(to: CGSize(width: 192, height: 192))
        let golden = try LandmarkSelfTest(
            ModelStore.shipped.data(LandmarkSelfTest.fileName), specification: .shipped)
        let nose = transform.apply(to: CGPoint(x: Double(golden.landmarks[3]), y: Double(golden.landmarks[4])))
        XCTAssertEqual(nose.x, tracked.landmarks[1].x, accuracy: 1e-3)
        XCTAssertEqual(nose.y, tracked.landmarks[1].y, accuracy: 1e-3)
        XCTAssertEqual(nose.x, tracked.keypoints.noseTip.x, accuracy: 1e-3)
        let next = try await tracker.track(buffer, timestamp: 1).faces[0].face
        XCTAssertEqual(next.rotatedRect.center.x, tracked.boundingBox.midX, accuracy: 1e-3)
        XCTAssertEqual(
            next.rotatedRect.size.width, 1.5 * max(tracked.boundingBox.width, tracked.boundingBox.height),
            accuracy: 1e-3)
    }

    func testLostFaceIsToldAndLookedForAgain() async throws {
        let fake = FakeLandmarks()
        let tracker = try await makeTracker(fake)
        func next(_ seconds: Double) async throws -> TrackedFrame {
            try await tracker.track(pixelBuffer(), timestamp: seconds)
        }
        _ = try await next(1)
        fake.presenceLogit = -1
        let gone = try await next(2)
        XCTAssertEqual(gone.faces, [])
        XCTAssertEqual(gone.lost, [1])
        XCTAssertFalse(gone.detectorRan)
        let stillGone = try await next(3)
        XCTAssertEqual(stillGone.lost, [])
        XCTAssertTrue(stillGone.detectorRan)
        fake.presenceLogit = nil
        let back = try await next(4)
        XCTAssertEqual(back.faces.map(\.track), [2])
        fake.shift = .nan
        let broken = try await next(5)
        XCTAssertEqual(broken.lost, [2])
    }

    func testFrameOfAnotherSizeBeginsAnew() async throws {
        let tracker = try await makeTracker(FakeLandmarks())
        _ = try await tracker.track(pixelBuffer(64, 48), timestamp: 1)
        let turned = try await tracker.track(pixelBuffer(64, 48), orientation: .right, timestamp: 2)
        XCTAssertEqual(turned.lost, [1])
        XCTAssertTrue(turned.detectorRan)
        XCTAssertEqual(turned.faces.map(\.track), [2])
        XCTAssertEqual(turned.imageSize, CGSize(width: 48, height: 64))
    }

    func testOrientationAndMirroringReachTheCrop() async throws {
        // The upper half of the buffer is bright; where it is once upright.
        let bright: [(CGImagePropertyOrientation, row: Int, column: Int)] = [
            (.up, 1, 96), (.down, 190, 96), (.right, 96, 190), (.left, 96, 1), (.rightMirrored, 96, 190),
            (.leftMirrored, 96, 1), (.upMirrored, 1, 96), (.downMirrored, 190, 96),
        ]
        let fake = FakeLandmarks()
        let tracker = try await makeTracker(fake)
        for (number, (orientation, row, column)) in bright.enumerated() {
            // Another size each time, so that the crop is the detector's.
            let side = 64 + 2 * number
            let buffer = pixelBuffer(side, side)
            let plane = buffer.stubPlanes[0]
            memset(plane.base, 0xff, plane.bytesPerRow * side / 2)
            _ = try await tracker.track(buffer, orientation: orientation, timestamp: Double(number))
            let stride = fake.lastInput.count / 192
            XCTAssertEqual(fake.lastInput[row * stride + 4 * column], 0xff, "\(orientation)")
            XCTAssertEqual(fake.lastInput[(191 - row) * stride + 4 * (191 - column)], 0, "\(orientation)")
        }
    }

    func testErrors() async throws {
        let fake = FakeLandmarks()
        let tracker = try await makeTracker(fake)
        _ = try await tracker.track(pixelBuffer(), timestamp: 1)
        await expect("timestampNotRising") { _ = try await tracker.track(pixelBuffer(), timestamp: 1) }
        await expect("timestampNotRising") { _ = try await tracker.track(pixelBuffer(), timestamp: 0) }
        await expect("timestampMissing") { _ = try await tracker.track(pixelBuffer(), timestamp: .nan) }
        await expect("timestampMissing") { _ = try await tracker.track(VideoFrame(pixelBuffer())) }
        await expect("unsupportedPixelFormat") {
            _ = try await tracker.track(pixelBuffer(8, 8, 0x7934_3230), timestamp: 2)
        }
        await expect("invalidImageSize") { _ = try await tracker.track(pixelBuffer(0, 0), timestamp: 2) }
        let empty = CMSampleBuffer(stubImage: nil, time: CMTime(value: 2, timescale: 1))
        await expect("invalidPixelBuffer") { _ = try await tracker.track(empty) }
        fake.predictionFails = true
        let locked = pixelBuffer()
        await expect("predictionFailed") { _ = try await tracker.track(locked, timestamp: 2) }
        XCTAssertEqual(locked.stubLocks, 0, "the buffer is unlocked again")
        fake.predictionFails = false
        let next = try await tracker.track(CMSampleBuffer(stubImage: locked, time: CMTime(value: 3, timescale: 1)))
        XCTAssertEqual(next.faces.map(\.track), [1])
        XCTAssertEqual(next.faces.map(\.age), [2])
        await tracker.close()
        await tracker.close()
        await expect("closed") { _ = try await tracker.track(pixelBuffer(), timestamp: 4) }
        let counters = await tracker.counters
        XCTAssertEqual(counters.frames, 3)
    }

    func testFrameLeavesAnIntervalAStage() async throws {
        let tracker = try await makeTracker(FakeLandmarks())
        OSSignposter.stubIntervals = []
        _ = try await tracker.track(pixelBuffer(), timestamp: 1)
        _ = try await tracker.track(pixelBuffer(), timestamp: 2)
        let followed = ["warp", "landmarks", "postprocess"]
        XCTAssertEqual(OSSignposter.stubIntervals, ["preprocess", "detect", "postprocess"] + followed + followed)
    }

    func testSmoothing() async throws {
        let fake = FakeLandmarks()
        let plain = try await makeTracker(fake)
        let smooth = try await makeTracker(fake, .init(smoothing: Smoothing()))
        var jumps: [Double] = []
        for tracker in [plain, smooth] {
            fake.shift = 0
            let before = try await tracker.track(pixelBuffer(), timestamp: 0).faces[0].face.landmarks[0].x
            fake.shift = 8
            let after = try await tracker.track(pixelBuffer(), timestamp: 0.03).faces[0].face.landmarks[0].x
            jumps.append(Double(after - before))
        }
        XCTAssertLessThan(abs(jumps[1]), abs(jumps[0]))
    }

    func testConfigurationIsChecked() async throws {
        let wrong: [FaceTracker.Configuration] = [
            .init(maximumFaces: 0), .init(maximumFaces: -1), .init(minimumScore: 2), .init(blendingIoU: .nan),
            .init(smoothing: Smoothing(minimumCutoff: 0)),
        ]
        for configuration in wrong {
            await expect("invalidConfiguration") { _ = try await makeTracker(FakeLandmarks(), configuration) }
        }
        let many = try await makeTracker(FakeLandmarks(), .init(maximumFaces: .max))
        let frame = try await many.track(pixelBuffer(), timestamp: 0)
        XCTAssertEqual(frame.faces.count, 1)
    }

    func testEachModelHasItsOwnLadder() async throws {
        let fake = FakeLandmarks()
        fake.logitError = { $0.computeUnits == .cpuOnly ? 0 : .nan }
        let tracker = try await makeTracker(fake, .init(computeUnits: .cpuAndGPU))
        XCTAssertEqual(tracker.detectorComputeUnits.units, .cpuAndGPU)
        XCTAssertEqual(tracker.landmarkComputeUnits.units, .cpuOnly)
        XCTAssertEqual(tracker.landmarkComputeUnits.rejections.count, 5)
        fake.logitError = { _ in 1 }
        await expect("selfTestFailed") { _ = try await makeTracker(fake) }
        fake.logitError = { _ in 0 }
        fake.weightsSHA256 = "0"
        await expect("modelHashMismatch") { _ = try await makeTracker(fake) }
    }

    func testModelsStartAtTheSameTime() async throws {
        let fake = FakeLandmarks()
        let (detector, landmarker) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let haveMet = Shared(true)
        func meet(_ mine: DispatchSemaphore, _ other: DispatchSemaphore) {
            mine.signal()
            if other.wait(timeout: .now() + 10) == .timedOut { haveMet.value = false }
        }
        fake.detector.failsOn = { _ in
            meet(detector, landmarker)
            return false
        }
        fake.onRun = { meet(landmarker, detector) }
        _ = try await makeTracker(fake, .init(computeUnits: .cpuOnly))
        XCTAssertTrue(haveMet.value)
    }

    func testResetAndUpdateBeginAnew() async throws {
        let tracker = try await makeTracker(FakeLandmarks())
        _ = try await tracker.track(pixelBuffer(), timestamp: 9)
        await tracker.reset()
        let first = try await tracker.track(pixelBuffer(), timestamp: 1)
        XCTAssertEqual(first.faces.map(\.state), [.detected])
        XCTAssertEqual(first.faces.map(\.track), [2], "a number is given once")
        XCTAssertNotNil(first.durations)
        try await tracker.update(minimumScore: 0.6)
        let second = try await tracker.track(pixelBuffer(), timestamp: 2)
        XCTAssertEqual(second.faces.map(\.state), [.tracked])
        try await tracker.update(maximumFaces: 2)
        let third = try await tracker.track(pixelBuffer(), timestamp: 3)
        XCTAssertEqual(third.faces.map(\.state), [.detected])
        XCTAssertEqual(third.faces.map(\.track), [3])
        await expect("invalidConfiguration") { try await tracker.update(maximumFaces: 0) }
        let counters = await tracker.counters
        XCTAssertEqual(counters, FaceTracker.Counters(frames: 4, detectorRuns: 3, droppedFrames: 0))
    }

    func testTrackerThatStartedInTheBackgroundLooksAgain() async throws {
        let fake = FakeLandmarks()
        fake.detector.failsOn = { $0.computeUnits == .cpuAndGPU }
        let tracker = try await makeTracker(fake, .init(computeUnits: .cpuAndGPU))
        XCTAssertEqual(tracker.detectorComputeUnits.units, .cpuAndNeuralEngine)
        _ = try await tracker.track(pixelBuffer(), timestamp: 1)
        fake.detector.failsOn = { _ in false }
        let loaded = fake.loaded.count
        NotificationCenter.default.post(
            name: Notification.Name("UIApplicationDidBecomeActiveNotification"), object: nil)
        await until { tracker.detectorComputeUnits.units == .cpuAndGPU }
        XCTAssertEqual(fake.loaded.count, loaded, "the landmark model runs where it should")
        let next = try await tracker.track(pixelBuffer(), timestamp: 2)
        XCTAssertEqual(next.faces.map(\.track), [1])
    }

    func testMissingAndDamagedResources() async throws {
        let package = "\(LandmarkSpecification.shipped.resources[0].name).mlpackage"
        let file = LandmarkSelfTest.fileName
        let damages: [(String, (URL) throws -> Void)] = [
            ("resourceMissing", { try FileManager.default.removeItem(at: $0.appendingPathComponent(package)) }),
            ("resourceMissing", { try FileManager.default.removeItem(at: $0.appendingPathComponent(file)) }),
            ("resourceDamaged", { try Data("SDKL".utf8).write(to: $0.appendingPathComponent(file)) }),
            ("modelHashMismatch", { try Data().write(to: $0.appendingPathComponent("\(package)/Manifest.json")) }),
        ]
        for (name, damage) in damages {
            let store = try ModelStore.damaged(damage)
            await expect(name) { _ = try await makeTracker(FakeLandmarks(), store: store) }
        }
    }
}
