import XCTest

@testable import BlazeFaceCore

/// Holds decoding, blending and geometry to what the Python reference makes of the same raw outputs.
final class PostprocessorTests: XCTestCase {
    /// In coordinates relative to the image.
    private let tolerance = 1e-5

    func testFacesAreThoseOfTheReference() throws {
        let cases = try GoldenVectors.postprocess()
        XCTAssertGreaterThan(cases.count, 2)
        for golden in cases {
            let found = try faces(golden)
            XCTAssertEqual(found.count, golden.faces.count, "\(golden.case): number of faces")
            for (index, (face, expected)) in zip(found, golden.faces).enumerated() {
                compare(face, expected, golden.image, "\(golden.case), face \(index)")
            }
        }
    }

    func testMemoryIsReusedFromRunToRun() throws {
        let cases = try GoldenVectors.postprocess().filter { $0.options.maximum_faces == nil }
        for golden in cases {
            let once = try faces(golden)
            let (postprocessor, letterbox, outputs) = try prepare(golden)
            XCTAssertEqual(postprocessor.faces(in: letterbox), once, golden.case)
            XCTAssertEqual(postprocessor.faces(in: letterbox), once, "\(golden.case), second run")
            outputs.predictions.update(repeating: -50)
            XCTAssertEqual(postprocessor.faces(in: letterbox), [], "\(golden.case), no face left")
        }
    }

    func testAnythingInTheOutputsIsSurvived() throws {
        let specification = GoldenVectors.specification
        let outputs = RawOutputs(specification)
        let options = Postprocessor.Options(minimumScore: 0, blendingIoU: 0, maximumFaces: nil)
        let postprocessor = Postprocessor(specification, outputs: outputs, options: options)
        let letterbox = Letterbox(imageWidth: 1, imageHeight: 32_768, input: specification.input)
        let values: [Float] = [.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -0.0, 0, 1, -1, .leastNonzeroMagnitude]
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            for index in outputs.predictions.indices {
                outputs.predictions[index] = values.randomElement(using: &generator)!
            }
            XCTAssertLessThanOrEqual(postprocessor.faces(in: letterbox).count, specification.anchorCount)
        }
    }

    private func faces(_ golden: GoldenVectors.Postprocess) throws -> [Face] {
        let (postprocessor, letterbox, outputs) = try prepare(golden)
        return withExtendedLifetime(outputs) { postprocessor.faces(in: letterbox) }
    }

    private func prepare(_ golden: GoldenVectors.Postprocess) throws -> (Postprocessor, Letterbox, RawOutputs) {
        let specification = GoldenVectors.specification
        let outputs = RawOutputs(specification)
        let vector = try XCTUnwrap(golden.outputs["predictions"], "\(golden.case) has no predictions")
        XCTAssertEqual(vector.shape, [1, specification.anchorCount, BoxNumbers.rowLength], golden.case)
        let rows = try GoldenVectors.floats(vector.file)
        outputs.write(rows)
        // As bits, since some are NaN.
        XCTAssertEqual(outputs.predictions.map(\.bitPattern), rows.map(\.bitPattern), golden.case)
        let options = Postprocessor.Options(
            minimumScore: golden.options.minimum_score,
            blendingIoU: golden.options.blending_iou,
            maximumFaces: golden.options.maximum_faces
        )
        let letterbox = Letterbox(
            imageWidth: golden.image.width, imageHeight: golden.image.height, input: specification.input)
        return (Postprocessor(specification, outputs: outputs, options: options), letterbox, outputs)
    }

    private func compare(
        _ face: Face, _ expected: GoldenVectors.Postprocess.Face, _ image: GoldenVectors.Postprocess.Image, _ place: String
    ) {
        XCTAssertEqual(face.score, expected.score, accuracy: 1e-6, "\(place): score")
        let box = face.normalizedBoundingBox
        for (value, golden) in zip([box.minX, box.minY, box.width, box.height], expected.box) {
            XCTAssertEqual(value, golden, accuracy: tolerance, "\(place): box")
        }
        for (point, golden) in zip(face.normalizedKeypoints.all, expected.keypoints) {
            XCTAssertEqual(point.x, golden[0], accuracy: tolerance, "\(place): keypoint")
            XCTAssertEqual(point.y, golden[1], accuracy: tolerance, "\(place): keypoint")
        }
        let side = Double(max(image.width, image.height))
        XCTAssertEqual(face.boundingBox.minX, box.minX * Double(image.width), accuracy: tolerance, "\(place): pixels")
        XCTAssertEqual(face.rollDegrees, expected.roll_degrees, accuracy: 0.01, "\(place): roll")
        let rect = face.rotatedRect
        XCTAssertEqual(rect.center.x, expected.roi.center[0], accuracy: tolerance * side, "\(place): roi centre")
        XCTAssertEqual(rect.center.y, expected.roi.center[1], accuracy: tolerance * side, "\(place): roi centre")
        XCTAssertEqual(rect.size.width, expected.roi.size[0], accuracy: 2 * tolerance * side, "\(place): roi size")
        XCTAssertEqual(rect.size.height, expected.roi.size[1], accuracy: 2 * tolerance * side, "\(place): roi size")
        XCTAssertEqual(rect.rotationDegrees, expected.roi.rotation_degrees, accuracy: 0.01, "\(place): roi rotation")
    }
}
