import CoreGraphics
import CoreVideo
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// What an app may ask of a tracker beside following faces.
final class TrackOptionsTests: XCTestCase {
    func testDetectorLooksForMoreFacesInOneOfSomeFrames() async throws {
        let fake = FakeLandmarks()
        let tracker = try await makeTracker(fake, .init(maximumFaces: 9, detectionInterval: 3))
        var ran: [Bool] = []
        for time in 0..<7 { ran.append(try await tracker.track(pixelBuffer(), timestamp: Double(time)).detectorRan) }
        XCTAssertEqual(ran, [true, false, false, true, false, false, true])
        // Where no face is followed it looks at once.
        fake.presenceLogit = -1
        let lost = try await tracker.track(pixelBuffer(), timestamp: 7)
        XCTAssertFalse(lost.detectorRan)
        for time in 8..<10 {
            let frame = try await tracker.track(pixelBuffer(), timestamp: Double(time))
            XCTAssertTrue(frame.detectorRan)
        }
    }

    func testLandmarksOfAStillImageLeaveTheTracksAlone() async throws {
        let fake = FakeLandmarks()
        let tracker = try await makeTracker(fake)
        _ = try await tracker.track(pixelBuffer(200, 100), timestamp: 5)
        let counters = await tracker.counters
        let small = try await tracker.detectLandmarks(in: VideoFrame(pixelBuffer(200, 100)))
        let image = CGImage(stubWidth: 4000, height: 2000, pixels: Array(repeating: 90, count: 4000 * 2000 * 4))
        CGContext.stubLargest = 0
        let large = try await tracker.detectLandmarks(in: image)
        XCTAssertLessThanOrEqual(CGContext.stubLargest, 1536 * 768 * 4)
        XCTAssertEqual(large.count, 1)
        XCTAssertEqual(large[0].imageSize, CGSize(width: 4000, height: 2000))
        XCTAssertEqual(large[0].landmarks.count, 468)
        for (one, other) in zip(large[0].landmarks, small[0].landmarks) {
            XCTAssertEqual(one.x, 20 * other.x, accuracy: 0.05)
            XCTAssertEqual(one.y, 20 * other.y, accuracy: 0.05)
            XCTAssertEqual(one.z, 20 * other.z, accuracy: 0.05)
        }
        XCTAssertEqual(large[0].rotatedRect.center.x, 20 * small[0].rotatedRect.center.x, accuracy: 0.05)
        XCTAssertEqual(large[0].rotatedRect.size.width, 20 * small[0].rotatedRect.size.width, accuracy: 0.05)
        let after = await tracker.counters
        XCTAssertEqual(after, counters)
        let next = try await tracker.track(pixelBuffer(200, 100), timestamp: 6)
        XCTAssertEqual(next.faces.map(\.age), [2])
        fake.presenceLogit = -1
        let none = try await tracker.detectLandmarks(in: image)
        XCTAssertEqual(none, [])
        await tracker.close()
        await expect("closed") { _ = try await tracker.detectLandmarks(in: image) }
    }

    func testLandmarksOfFilesAndData() async throws {
        let tracker = try await makeTracker(FakeLandmarks())
        let missing = URL(fileURLWithPath: "/nowhere.jpg")
        await expect("imageUnreadable") { _ = try await tracker.detectLandmarks(contentsOf: missing) }
        await expect("imageUnreadable") { _ = try await tracker.detectLandmarks(in: Data()) }
    }

    func testTrackerStartsOnTheCPUAndChangesOver() async throws {
        let tracker = try await makeTracker(FakeLandmarks(), .init(computeUnits: .cpuAndGPU, startsOnCPU: true))
        let first = try await tracker.track(pixelBuffer(), timestamp: 0)
        XCTAssertEqual(first.faces.map(\.track), [1])
        await until {
            tracker.detectorComputeUnits.units == .cpuAndGPU && tracker.landmarkComputeUnits.units == .cpuAndGPU
        }
        let next = try await tracker.track(pixelBuffer(), timestamp: 1)
        XCTAssertEqual(next.faces.map(\.age), [2])
    }

    func testYawAndPitchAreThoseOfTheTurnedHead() throws {
        // A plane of points around the nose, turned about the vertical, then the horizontal, then in the image.
        for (yaw, pitch, roll) in [(0.0, 0.0, 0.0), (30, 0, 0), (-20, 0, 0), (0, 25, 0), (0, -15, 0), (30, 20, 40)] {
            let face = makeFace(yaw: yaw, pitch: pitch, roll: roll)
            XCTAssertEqual(try XCTUnwrap(face.yawDegrees), yaw, accuracy: 0.01, "\(yaw) \(pitch) \(roll)")
            XCTAssertEqual(try XCTUnwrap(face.pitchDegrees), pitch, accuracy: 0.01, "\(yaw) \(pitch) \(roll)")
        }
        let detected = Face(
            normalizedBoundingBox: .zero, normalizedKeypoints: FaceKeypoints(Array(repeating: .zero, count: 6)),
            score: 1, imageSize: CGSize(width: 1, height: 1))
        XCTAssertNil(detected.yawDegrees)
        XCTAssertNil(detected.pitchDegrees)
    }

    func testResultsSurviveJSONAndSets() async throws {
        let tracker = try await makeTracker(FakeLandmarks())
        let found = try await tracker.track(pixelBuffer(), timestamp: 0).faces[0]
        let copy = try JSONDecoder().decode(TrackedFace.self, from: JSONEncoder().encode(found))
        XCTAssertEqual(copy, found)
        XCTAssertEqual(copy.face.landmarks.count, 468)
        XCTAssertEqual(copy.face.rotatedRect, found.face.rotatedRect)
        XCTAssertEqual(Set([copy, found]).count, 1)
    }

    /// A face whose four points of reference lie in a plane that looks where the angles say.
    private func makeFace(yaw: Double, pitch: Double, roll: Double) -> Face {
        let specification = LandmarkSpecification.shipped
        var points = [SIMD3<Float>](repeating: .zero, count: specification.count)
        func turned(_ x: Double, _ y: Double) -> SIMD3<Float> {
            let (yaw, pitch, roll) = (yaw * .pi / 180, pitch * .pi / 180, roll * .pi / 180)
            // About the horizontal: looking down brings the chin nearer to the chest, that is away from the camera.
            let (y1, z1) = (y * cos(pitch), y * sin(pitch))
            // About the vertical: looking to the right takes the right side away.
            let (x2, z2) = (x * cos(yaw) - z1 * sin(yaw), x * sin(yaw) + z1 * cos(yaw))
            return SIMD3(
                Float(x2 * cos(roll) - y1 * sin(roll)), Float(x2 * sin(roll) + y1 * cos(roll)), Float(z2))
        }
        points[specification.region.fromPoint] = turned(-40, -10)
        points[specification.region.toPoint] = turned(40, -10)
        points[specification.midline.fromPoint] = turned(0, -60)
        points[specification.midline.toPoint] = turned(0, 70)
        return Face(
            normalizedBoundingBox: .zero, normalizedKeypoints: FaceKeypoints(Array(repeating: .zero, count: 6)),
            score: 1, imageSize: CGSize(width: 1, height: 1), landmarks: FaceLandmarks(pixels: points),
            crop: RotatedRect(center: .zero, size: .zero, rotationDegrees: 0))
    }
}
