import AVFoundation
import CoreML
import ImageIO
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// What an app may ask of a detector beside finding faces.
final class OptionsTests: XCTestCase {
    func testFacesOfAVideoHaveNumbersWhereAskedFor() async throws {
        let plain = try await makeDetector(FakeModel(), .init(runningMode: .video, maximumFaces: 1))
        let before = try await plain.detect(pixelBuffer(), timestamp: 0)
        XCTAssertEqual(before.map(\.track), [nil])
        for configuration: FaceDetector.Configuration in [
            .init(runningMode: .video, maximumFaces: 1, tracksFaces: true),
            .init(runningMode: .video, maximumFaces: 1, smoothing: Smoothing()),
        ] {
            let detector = try await makeDetector(FakeModel(), configuration)
            for time in 0..<3 {
                let faces = try await detector.detect(pixelBuffer(), timestamp: Double(time) / 30)
                XCTAssertEqual(faces.map(\.track), [1])
                XCTAssertEqual(faces[0].boundingBox.midX, before[0].boundingBox.midX, accuracy: 1e-3)
            }
            await detector.reset()
            let next = try await detector.detect(pixelBuffer(), timestamp: 0)
            XCTAssertEqual(next.map(\.track), [2], "a number is given once")
        }
        let image = try await makeDetector(FakeModel(), .init(tracksFaces: true))
        let single = try await image.detect(pixelBuffer())
        XCTAssertEqual(single.first?.track, .some(nil))
    }

    func testOneOfSomeFramesIsSearched() async throws {
        let fake = FakeModel()
        let detector = try await makeDetector(fake, .init(runningMode: .video, detectionInterval: 3))
        let runs = fake.runs
        let frames = AsyncStream<VideoFrame> { camera in
            for time in 0..<7 { camera.yield(VideoFrame(pixelBuffer(), timestamp: Double(time))) }
            // Another size is searched at once.
            camera.yield(VideoFrame(pixelBuffer(32, 32), timestamp: 7))
            camera.finish()
        }
        var ran: [Bool] = []
        for try await found in detector.detections(in: frames) {
            ran.append(found.detectorRan)
            XCTAssertEqual(found.faces.count, 1)
            XCTAssertNil(found.failure)
        }
        XCTAssertEqual(ran, [true, false, false, true, false, false, true, true])
        XCTAssertEqual(fake.runs - runs, 4)
    }

    func testFramesBeyondTheRateAreDroppedMoreOfThemOnAHotDevice() async throws {
        defer {
            ProcessInfo.stubThermalState = .nominal
            ProcessInfo.stubIsLowPowerModeEnabled = false
        }
        for (thermal, saves, interval) in [
            (ProcessInfo.ThermalState.fair, false, 0.1), (.serious, false, 0.2), (.nominal, true, 0.2),
            (.critical, false, 0.4),
        ] {
            ProcessInfo.stubThermalState = thermal
            ProcessInfo.stubIsLowPowerModeEnabled = saves
            let device = Device(isSimulator: false, system: "1", now: { 0 }, load: Device.current.load)
            let detector = try await makeDetector(
                FakeModel(), .init(runningMode: .liveStream, maximumFrameRate: 10), store: .temporary(device: device))
            for isDue in [false, true] {
                await detector.reset()
                let (frames, camera) = AsyncStream.makeStream(of: VideoFrame.self)
                var iterator = detector.detections(in: frames).makeAsyncIterator()
                camera.yield(VideoFrame(pixelBuffer(), timestamp: 0))
                let first = try await iterator.next()
                XCTAssertEqual(first?.timestamp, 0)
                camera.yield(VideoFrame(pixelBuffer(), timestamp: interval - 0.01))
                if isDue { camera.yield(VideoFrame(pixelBuffer(), timestamp: interval)) }
                camera.finish()
                let second = try await iterator.next()
                XCTAssertEqual(second?.timestamp, isDue ? interval : nil, "\(thermal)")
                if isDue { XCTAssertEqual(second?.droppedFrames, 1) }
            }
        }
    }

    func testRegionOfInterestIsSearchedAlone() async throws {
        let fake = FakeModel()
        let region = CGRect(x: 0.5, y: 0, width: 0.5, height: 1)
        let detector = try await makeDetector(fake, .init(maximumFaces: 1, regionOfInterest: region))
        let buffer = pixelBuffer(200, 100)
        let plane = buffer.stubPlanes[0]
        for row in 0..<100 { memset(plane.base + row * plane.bytesPerRow + 400, 0xff, 400) }
        let face = try await detector.detect(buffer)[0]
        // All but the edge, which is mixed with the black around the picture.
        let width = ModelSpecification.shipped.input.width
        let line = fake.lastInput.count / 2 + 4 * 4..<fake.lastInput.count / 2 + 4 * (width - 4)
        XCTAssertTrue(fake.lastInput[line].allSatisfy { $0 == 0xff }, "the right half is all that the model sees")
        XCTAssertEqual(face.imageSize, CGSize(width: 200, height: 100))
        let whole = try await makeDetector(FakeModel(), .init(maximumFaces: 1))
        let alone = try await whole.detect(pixelBuffer(100, 100))[0]
        XCTAssertEqual(face.boundingBox.minX, alone.boundingBox.minX + 100, accuracy: 1e-6)
        XCTAssertEqual(face.boundingBox.width, alone.boundingBox.width, accuracy: 1e-6)
        XCTAssertEqual(face.keypoints.noseTip.x, alone.keypoints.noseTip.x + 100, accuracy: 1e-6)
        XCTAssertEqual(face.keypoints.noseTip.y, alone.keypoints.noseTip.y, accuracy: 1e-6)
    }

    func testOptionsAreChecked() async throws {
        let wrong: [FaceDetector.Configuration] = [
            .init(regionOfInterest: CGRect(x: 0, y: 0, width: 0, height: 1)),
            .init(regionOfInterest: CGRect(x: 0.5, y: 0, width: 0.6, height: 1)),
            .init(regionOfInterest: CGRect(x: CGFloat.nan, y: 0, width: 0.5, height: 1)),
            .init(detectionInterval: 0), .init(maximumFrameRate: 0), .init(maximumFrameRate: .infinity),
            .init(smoothing: Smoothing(minimumCutoff: 0)),
        ]
        for configuration in wrong {
            await expect("invalidConfiguration") { _ = try await makeDetector(FakeModel(), configuration) }
        }
    }

    func testDetectorStartsOnTheCPUAndChangesOver() async throws {
        let fake = FakeModel()
        // The GPU takes its time to load.
        let gate = DispatchSemaphore(value: 0)
        fake.loadFails = { configuration in
            if configuration.computeUnits == .cpuAndGPU { gate.wait() }
            return false
        }
        let detector = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU, startsOnCPU: true))
        XCTAssertEqual(detector.activeComputeUnits.units, .cpuOnly)
        XCTAssertTrue(detector.activeComputeUnits.reason.contains("still starting"))
        let faces = try await detector.detect(pixelBuffer())
        XCTAssertFalse(faces.isEmpty)
        gate.signal()
        await until { detector.activeComputeUnits.units == .cpuAndGPU }
        XCTAssertEqual(detector.activeComputeUnits.rejections, [])
        let later = try await detector.detect(pixelBuffer())
        XCTAssertEqual(later, faces)
    }

    func testCallsWithoutAwait() async throws {
        let detector = try await makeDetector(FakeModel())
        let expected = try await detector.detect(pixelBuffer())
        let queue = DispatchQueue(label: "camera")
        let frame = VideoFrame(pixelBuffer())
        let found = await withCheckedContinuation { done in
            detector.detect(frame, queue: queue) { result in
                dispatchPrecondition(condition: .onQueue(queue))
                done.resume(returning: try? result.get())
            }
        }
        XCTAssertEqual(found, expected)
        let waited = await withCheckedContinuation { done in
            queue.async { done.resume(returning: try? detector.detectSynchronously(frame)) }
        }
        XCTAssertEqual(waited, expected)
        await detector.close()
        let failed = await withCheckedContinuation { done in
            queue.async {
                do {
                    _ = try detector.detectSynchronously(frame)
                    done.resume(returning: nil as FaceDetectorError?)
                } catch {
                    done.resume(returning: error as? FaceDetectorError)
                }
            }
        }
        XCTAssertEqual(failed, .closed)
        let wrong = await withCheckedContinuation { done in
            FaceDetector.make(configuration: .init(minimumScore: 2), queue: queue) { result in
                if case .failure(let error) = result { done.resume(returning: "\(error)") }
            }
        }
        XCTAssertTrue(wrong.contains("invalidConfiguration"), wrong)
    }

    func testSurfaceForObjectiveC() async throws {
        let detector = try await makeDetector(FakeModel())
        let expected = try await detector.detect(pixelBuffer())[0]
        let bridge = ObjectiveCFaceDetector(detector)
        XCTAssertEqual(bridge.computeUnitsReason, detector.activeComputeUnits.reason)
        let frame = VideoFrame(pixelBuffer())
        let found = await withCheckedContinuation { done in
            bridge.detect(in: frame.pixelBuffer, orientation: .up) { faces, error in
                XCTAssertNil(error)
                done.resume(returning: faces?.first)
            }
        }
        let face = try XCTUnwrap(found)
        XCTAssertEqual(face.face, expected)
        XCTAssertEqual(face.boundingBox, expected.boundingBox)
        XCTAssertEqual(face.leftEarTragion, expected.keypoints.leftEarTragion)
        let failure = await withCheckedContinuation { done in
            bridge.detect(inFileAt: URL(fileURLWithPath: "/nowhere.jpg")) { faces, error in
                XCTAssertNil(faces)
                done.resume(returning: error as? FaceDetectorError)
            }
        }
        XCTAssertEqual(failure, .imageUnreadable)
        let options = ObjectiveCOptions()
        XCTAssertEqual(options.configuration, FaceDetector.Configuration())
        options.maximumFaces = -1
        let refused = await withCheckedContinuation { done in
            ObjectiveCFaceDetector.make(options: options) { detector, error in
                XCTAssertNil(detector)
                done.resume(returning: error.map { "\($0)" } ?? "")
            }
        }
        XCTAssertTrue(refused.contains("invalidConfiguration"), refused)
    }

    func testOrientationFollowsTheDevice() {
        for (angle, expected): (CGFloat, CGImagePropertyOrientation) in [
            (0, .up), (90, .right), (180, .down), (270, .left), (-90, .left), (360, .up), (450, .right), (91.5, .right),
            (.nan, .up), (.infinity, .up),
        ] {
            XCTAssertEqual(CGImagePropertyOrientation(rotationAngle: angle), expected, "\(angle)")
        }
        AVCaptureDevice.RotationCoordinator.stubAngle = 90
        let orientation = CameraOrientation(device: AVCaptureDevice())
        XCTAssertEqual(orientation.current, .right)
        AVCaptureDevice.RotationCoordinator.stubObserved(180)
        XCTAssertEqual(orientation.current, .down)
    }

    func testOverlayOfAPreviewLayer() {
        let layer = AVCaptureVideoPreviewLayer()
        layer.bounds = CGRect(x: 0, y: 0, width: 100, height: 100)
        let size = CGSize(width: 200, height: 100)
        for (gravity, mode): (AVLayerVideoGravity, OverlayTransform.ContentMode) in [
            (.resizeAspect, .fit), (.resizeAspectFill, .fill), (.resize, .stretch),
        ] {
            layer.videoGravity = gravity
            XCTAssertEqual(
                OverlayTransform(imageSize: size, previewLayer: layer),
                OverlayTransform(imageSize: size, viewSize: layer.bounds.size, contentMode: mode))
        }
    }
}
