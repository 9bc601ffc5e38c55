import XCTest

@testable import BlazeFaceCore

/// What the tracker does with input that is not as it should be.
final class TrackerInputTests: XCTestCase {
    private struct Failure: Error {}

    private let specification = LandmarkSpecification.shipped

    func testTimestampsMustRise() throws {
        var tracker = Tracker(specification, maximumFaces: 1, smoothing: nil)
        _ = try update(&tracker, 1)
        for (seconds, expected) in [
            (1, FaceDetectorError.timestampNotRising(previous: 1, given: 1)),
            (0.5, .timestampNotRising(previous: 1, given: 0.5)), (.nan, .timestampMissing),
            (.infinity, .timestampMissing),
        ] as [(Double, FaceDetectorError)] {
            XCTAssertThrowsError(try update(&tracker, seconds)) { XCTAssertEqual($0 as? FaceDetectorError, expected) }
        }
        XCTAssertEqual(tracker.frames, 1, "a frame that is refused leaves no trace")
        let next = try update(&tracker, 2)
        XCTAssertEqual(next.faces.first?.age, 2)
    }

    func testModelThatFailsLeavesTracksAsTheyWere() throws {
        for smoothing in [nil, Smoothing()] {
            var tracker = Tracker(specification, maximumFaces: 2, smoothing: smoothing)
            _ = try update(&tracker, 1)
            XCTAssertThrowsError(try update(&tracker, 2, detect: { throw Failure() }))
            XCTAssertThrowsError(try update(&tracker, 3, findLandmarks: { _ in throw Failure() }))
            let next = try update(&tracker, 4)
            XCTAssertEqual(next.faces.map(\.track), [1])
            XCTAssertEqual(next.faces.map(\.age), [2])
            XCTAssertEqual(next.lost, [])
        }
    }

    func testFailureAtAFrameOfAnotherSizeKeepsNothingBack() throws {
        var tracker = Tracker(specification, maximumFaces: 1, smoothing: nil)
        _ = try update(&tracker, 1)
        XCTAssertThrowsError(try update(&tracker, 2, width: 50, detect: { throw Failure() }))
        let next = try update(&tracker, 3, width: 50)
        XCTAssertEqual(next.lost, [1])
        XCTAssertEqual(next.faces.map(\.track), [2])
        XCTAssertTrue(next.detectorRan)
    }

    func testMoreFacesThanAskedFor() throws {
        var tracker = Tracker(specification, maximumFaces: 2, smoothing: nil)
        let faces = [20.0, 50, 80].map { face(x: $0) }
        let first = try update(&tracker, 1, detect: { faces })
        XCTAssertEqual(first.faces.map { $0.face.rotatedRect.center.x }, [20, 50])
        let second = try update(&tracker, 2, detect: { faces })
        XCTAssertFalse(second.detectorRan)
        XCTAssertEqual(second.faces.map(\.track), [1, 2])
    }

    func testLandmarksThatAreNoNumbersEndTheTrack() throws {
        let outputs = RawOutputs(specification)
        let decoder = LandmarkDecoder(specification, outputs: outputs)
        let region = face(x: 50).rotatedRect
        outputs.predictions[3 * specification.count] = 5
        XCTAssertNotNil(decoder.landmarks(in: region))
        for bad in [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
            for index in [0, 467, 1403] {
                outputs.predictions.update(repeating: 7)
                outputs.predictions[index] = bad
                // The largest numbers there are still fit, unless the crop is larger than the input.
                if bad != .greatestFiniteMagnitude { XCTAssertNil(decoder.landmarks(in: region)) }
                _ = decoder.landmarks(in: region)
            }
        }
        outputs.predictions.update(repeating: 7)
        for (logit, isThere) in [(Float.nan, false), (-.infinity, false), (0, false), (0.01, true), (.infinity, true)] {
            outputs.predictions[3 * specification.count] = logit
            XCTAssertEqual(decoder.landmarks(in: region) != nil, isThere, "\(logit)")
        }
    }

    func testAnythingInTheOutputsIsSurvived() throws {
        let outputs = RawOutputs(specification)
        let decoder = LandmarkDecoder(specification, outputs: outputs)
        let small = ModelSpecification.Input(name: "", width: 8, height: 8, minimum: 0, maximum: 1)
        let sampler = CropSampler(input: small)
        let values: [Float] = [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, -0.0, 0, 1, 191, .leastNonzeroMagnitude]
        var generator = SystemRandomNumberGenerator()
        let pixels = [UInt8](repeating: 1, count: 100 * 60 * 4)
        var target = [UInt8](repeating: 0, count: 8 * 8 * 4)
        var tracker = Tracker(specification, maximumFaces: 3, smoothing: Smoothing())
        for second in 0..<60 {
            let frame = try pixels.withUnsafeBytes { bytes in
                let plane = PixelView.Plane(base: bytes.baseAddress!, bytesPerRow: 400)
                let view = try PixelView(format: .bgra, width: 100, height: 60, first: plane)
                func findLandmarks(_ region: RotatedRect) -> Landmarks? {
                    target.withUnsafeMutableBytes {
                        sampler.sample(view, FrameOrientation(), region, into: $0.baseAddress!, bytesPerRow: 8 * 4)
                    }
                    for index in outputs.predictions.indices {
                        outputs.predictions[index] = values.randomElement(using: &generator)!
                    }
                    outputs.predictions[3 * specification.count] = 9
                    return decoder.landmarks(in: region)
                }
                return try update(&tracker, Double(second), findLandmarks: findLandmarks)
            }
            XCTAssertLessThanOrEqual(frame.faces.count, 3)
        }
    }

    func testLandmarksAreACollection() throws {
        var tracker = Tracker(specification, maximumFaces: 1, smoothing: nil)
        let frame = try update(&tracker, 1)
        let face = try XCTUnwrap(frame.faces.first).face
        XCTAssertEqual(face.landmarks.count, specification.count)
        XCTAssertEqual(face.landmarks[3].x, face.normalizedLandmarks[3].x * 100, accuracy: 1e-4)
        XCTAssertEqual(face.landmarks[3].y, face.normalizedLandmarks[3].y * 60, accuracy: 1e-4)
        XCTAssertEqual(face.landmarks[3].z, face.normalizedLandmarks[3].z * 100, accuracy: 1e-4)
        XCTAssertEqual(face.landmarks.first?.point, CGPoint(x: face.landmarks[0].x, y: face.landmarks[0].y))
        XCTAssertTrue(self.face(x: 1).landmarks.isEmpty)
    }

    func testSmoothingIsChecked() throws {
        try Smoothing().validate()
        try Smoothing(beta: 0).validate()
        try Smoothing(minimumCutoff: 1e6, beta: 1e6, derivativeCutoff: 1e6).validate()
        let wrong = [
            Smoothing(minimumCutoff: 0), Smoothing(minimumCutoff: .nan), Smoothing(beta: -1), Smoothing(beta: .infinity),
            Smoothing(derivativeCutoff: -1), Smoothing(minimumCutoff: .greatestFiniteMagnitude), Smoothing(beta: 1.1e6),
        ]
        for smoothing in wrong { XCTAssertThrowsError(try smoothing.validate()) }
    }

    /// The next frame, of 100 × 60 pixels; unless told otherwise there is a face in its middle, and the landmark model
    /// finds a face in every crop.
    private func update(
        _ tracker: inout Tracker, _ seconds: Double, width: Int = 100, detect: (() throws -> [Face])? = nil,
        findLandmarks: ((RotatedRect) throws -> Landmarks?)? = nil
    ) throws -> TrackedFrame {
        try tracker.update(
            width: width, height: 60, seconds: seconds, detect: detect ?? { [self.face(x: 50)] },
            findLandmarks: findLandmarks ?? landmarks)
    }

    private func face(x: Double) -> Face {
        let eye = CGPoint(x: x / 100, y: 0.4)
        let other = CGPoint(x: (x + 5) / 100, y: 0.4)
        return Face(
            normalizedBoundingBox: CGRect(x: (x - 5) / 100, y: 0.4, width: 0.1, height: 10 / 60),
            normalizedKeypoints: FaceKeypoints(
                rightEye: eye, leftEye: other, noseTip: eye, mouthCenter: eye, rightEarTragion: eye,
                leftEarTragion: other),
            score: 0.9,
            imageSize: CGSize(width: 100, height: 60)
        )
    }

    /// Points on a circle that fill two thirds of a region, so that the next region is about the same.
    private func landmarks(in region: RotatedRect) -> Landmarks? {
        let points = (0..<specification.count).map { index in
            let angle = Double(index) / Double(specification.count) * 2 * .pi
            let radius = Double(region.size.width) / 3
            return SIMD3(
                Float(Double(region.center.x) + radius * cos(angle)), Float(Double(region.center.y) + radius * sin(angle)),
                Float(index))
        }
        return Landmarks(presence: 1, points: points)
    }
}
