import XCTest

@testable import BlazeFaceCore

/// Holds the tracker to what the Python reference makes of the same runs of the models.
final class TrackerTests: XCTestCase {
    struct Roi: Decodable {
        let center: [Double]
        let size: [Double]
        let rotation_degrees: Double

        var rect: RotatedRect {
            RotatedRect(
                center: CGPoint(x: center[0], y: center[1]),
                size: CGSize(width: size[0], height: size[1]),
                rotationDegrees: rotation_degrees
            )
        }
    }

    private struct Sequence: Decodable {
        struct Filter: Decodable {
            let minimum_cutoff: Double
            let beta: Double
            let derivative_cutoff: Double
        }
        struct Rows: Decodable {
            let file: String
            let shape: [Int]
        }
        struct Detection: Decodable {
            let score: Float
            let box: [Double]
            let keypoints: [[Double]]
        }
        struct Call: Decodable {
            let roi: Roi
            let row: Int
        }
        struct Face: Decodable {
            let track: Int
            let age: Int
            let state: String
            let score: Float
            let presence: Float
            let box: [Double]
            let keypoints: [[Double]]
            let roll_degrees: Double
            let roi: Roi
            let row: Int
        }
        struct Frame: Decodable {
            let seconds: Double
            let width: Int
            let height: Int
            let detections: [Detection]?
            let calls: [Call]
            let faces: [Face]
            let lost: [Int]
            let detector_ran: Bool
        }
        let `case`: String
        let maximum_faces: Int
        let smoothing: Filter?
        let calls: Rows
        let landmarks: Rows
        let frames: [Frame]
    }

    private let specification = LandmarkSpecification.shipped
    /// In coordinates relative to the image.
    private let tolerance = 1e-4

    func testFacesAreThoseOfTheReference() throws {
        // What the detector found is part of the sequence: it holds for whichever detector is shipped.
        let cases = try GoldenVectors.cases("sequence", Sequence.self, in: "sequences")
        XCTAssertGreaterThanOrEqual(cases.count, 14)
        for golden in cases {
            try replay(golden)
        }
    }

    private func replay(_ golden: Sequence) throws {
        let rows = try GoldenVectors.floats(golden.calls.file, in: "sequences")
        let expected = try GoldenVectors.floats(golden.landmarks.file, in: "sequences")
        let rowLength = 3 * specification.count + 1
        XCTAssertEqual(golden.calls.shape, [rows.count / rowLength, rowLength])
        let outputs = RawOutputs(specification)
        let decoder = LandmarkDecoder(specification, outputs: outputs)
        let smoothing = golden.smoothing.map {
            Smoothing(minimumCutoff: $0.minimum_cutoff, beta: $0.beta, derivativeCutoff: $0.derivative_cutoff)
        }
        var tracker = Tracker(specification, maximumFaces: golden.maximum_faces, smoothing: smoothing)
        var detectorRuns = 0
        for (number, frame) in golden.frames.enumerated() {
            let place = "\(golden.case), frame \(number)"
            var calls = frame.calls[...]
            let found = try tracker.update(
                width: frame.width,
                height: frame.height,
                seconds: frame.seconds,
                detect: {
                    try XCTUnwrap(frame.detections, "\(place): the detector runs").map { self.face($0, frame) }
                },
                findLandmarks: { region in
                    let call = try XCTUnwrap(calls.popFirst(), "\(place): the landmark model runs")
                    self.compare(region, call.roi, frame, "\(place), run \(call.row)")
                    let start = call.row * rowLength
                    outputs.write(Array(rows[start..<start + rowLength]))
                    return decoder.landmarks(in: region)
                }
            )
            XCTAssertTrue(calls.isEmpty, "\(place): the landmark model did not run")
            XCTAssertEqual(found.detectorRan, frame.detector_ran, place)
            XCTAssertEqual(found.lost, frame.lost, place)
            XCTAssertEqual(found.faces.count, frame.faces.count, place)
            XCTAssertEqual(found.imageSize, CGSize(width: frame.width, height: frame.height), place)
            for (face, wanted) in zip(found.faces, frame.faces) {
                compare(face, wanted, frame, place)
                let start = wanted.row * 3 * specification.count
                compare(face.face.normalizedLandmarks, expected[start..<(start + 3 * specification.count)], place)
            }
            detectorRuns += frame.detector_ran ? 1 : 0
            XCTAssertEqual(tracker.detectorRuns, detectorRuns, place)
            XCTAssertEqual(tracker.frames, number + 1, place)
        }
    }

    private func face(_ detection: Sequence.Detection, _ frame: Sequence.Frame) -> Face {
        let points = detection.keypoints.map { CGPoint(x: $0[0], y: $0[1]) }
        let box = detection.box
        return Face(
            normalizedBoundingBox: CGRect(x: box[0], y: box[1], width: box[2], height: box[3]),
            normalizedKeypoints: FaceKeypoints(
                rightEye: points[0], leftEye: points[1], noseTip: points[2], mouthCenter: points[3],
                rightEarTragion: points[4], leftEarTragion: points[5]
            ),
            score: detection.score,
            imageSize: CGSize(width: frame.width, height: frame.height)
        )
    }

    private func compare(_ found: TrackedFace, _ wanted: Sequence.Face, _ frame: Sequence.Frame, _ place: String) {
        let face = found.face
        XCTAssertEqual(found.track, wanted.track, place)
        XCTAssertEqual(found.age, wanted.age, place)
        XCTAssertEqual(found.state.rawValue, wanted.state, place)
        XCTAssertEqual(found.presence, wanted.presence, accuracy: 1e-6, place)
        XCTAssertEqual(face.score, wanted.score, accuracy: 1e-6, place)
        let box = face.normalizedBoundingBox
        for (value, expected) in zip([box.minX, box.minY, box.width, box.height], wanted.box) {
            XCTAssertEqual(value, expected, accuracy: tolerance, "\(place): box")
        }
        for (point, expected) in zip(face.normalizedKeypoints.all, wanted.keypoints) {
            XCTAssertEqual(point.x, expected[0], accuracy: tolerance, "\(place): keypoint")
            XCTAssertEqual(point.y, expected[1], accuracy: tolerance, "\(place): keypoint")
        }
        XCTAssertEqual(face.rollDegrees, wanted.roll_degrees, accuracy: 0.01, "\(place): roll")
        compare(face.rotatedRect, wanted.roi, frame, place)
    }

    private func compare(_ found: FaceLandmarks, _ wanted: ArraySlice<Float>, _ place: String) {
        XCTAssertEqual(found.count, specification.count, place)
        var worst = 0.0
        for (index, landmark) in found.enumerated() {
            for (axis, value) in [landmark.x, landmark.y, landmark.z].enumerated() {
                worst = max(worst, abs(Double(value) - Double(wanted[wanted.startIndex + 3 * index + axis])))
            }
        }
        XCTAssertLessThanOrEqual(worst, tolerance, "\(place): landmarks")
    }

    private func compare(_ found: RotatedRect, _ wanted: Roi, _ frame: Sequence.Frame, _ place: String) {
        let side = Double(max(frame.width, frame.height))
        XCTAssertEqual(found.center.x, wanted.center[0], accuracy: tolerance * side, "\(place): roi centre")
        XCTAssertEqual(found.center.y, wanted.center[1], accuracy: tolerance * side, "\(place): roi centre")
        XCTAssertEqual(found.size.width, wanted.size[0], accuracy: tolerance * side, "\(place): roi size")
        XCTAssertEqual(found.size.height, wanted.size[1], accuracy: tolerance * side, "\(place): roi size")
        XCTAssertEqual(found.rotationDegrees, wanted.rotation_degrees, accuracy: 0.01, "\(place): roi rotation")
    }
}
