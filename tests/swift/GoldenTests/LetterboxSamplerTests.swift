import XCTest

@testable import BlazeFaceCore

/// Holds sampling to the input that the Python reference makes of the same pixel buffers.
final class LetterboxSamplerTests: XCTestCase {
    private let input = GoldenVectors.specification.input

    func testInputIsThatOfTheReference() throws {
        let cases = try GoldenVectors.preprocess()
        // The sampler knows no model but for its input's size, so one model has the cases.
        try XCTSkipIf(cases.isEmpty, "no pixel buffers for \(GoldenVectors.specification.name)")
        XCTAssertGreaterThanOrEqual(cases.count, 6)
        let shared = LetterboxSampler(input: input)
        for golden in cases {
            let expected = try GoldenVectors.floats(golden.input.file)
            XCTAssertEqual(golden.input.shape, [1, input.height, input.width, 3])
            for sampler in [shared, LetterboxSampler(input: input)] {
                let found = try sample(golden, sampler)
                let scale = (input.maximum - input.minimum) / 255
                let worst = zip(found, expected).map { abs(Float($0) * scale + input.minimum - $1) }.max() ?? .infinity
                XCTAssertLessThanOrEqual(worst, scale, "\(golden.case)")
            }
        }
    }

    /// Every texel has a weight only if all of them were read: a buffer of one colour shows bars and that colour alone.
    func testOneColourStaysOneColour() throws {
        let orientations = FrameOrientation.Rotation.allCases.flatMap { rotation in
            [false, true].map { FrameOrientation(rotation: rotation, mirrored: $0) }
        }
        for (width, height) in [(1, 1), (7, 40), (641, 2), (33, 33)] {
            let pixels = [UInt8](repeating: 200, count: width * height * 4)
            for orientation in orientations {
                let found = try pixels.withUnsafeBytes { bytes in
                    let plane = PixelView.Plane(base: bytes.baseAddress!, bytesPerRow: width * 4)
                    let view = try PixelView(format: .bgra, width: width, height: height, first: plane)
                    return rgb(LetterboxSampler(input: input), view, orientation)
                }
                XCTAssertEqual(found.max(), 200, "\(width) × \(height), \(orientation)")
            }
        }
    }

    func testPictureFillsTheMiddle() throws {
        let pixels = [UInt8](repeating: 255, count: 64 * 32 * 4)
        let found = try pixels.withUnsafeBytes { bytes in
            let plane = PixelView.Plane(base: bytes.baseAddress!, bytesPerRow: 64 * 4)
            let view = try PixelView(format: .rgba, width: 64, height: 32, first: plane)
            return rgb(LetterboxSampler(input: input), view, FrameOrientation())
        }
        func value(_ row: Int) -> UInt8 { found[3 * (row * input.width + input.width / 2)] }
        XCTAssertEqual(value(0), 0)
        XCTAssertEqual(value(input.height / 2), 255)
        XCTAssertEqual(value(input.height - 1), 0)
    }

    private func sample(_ golden: GoldenVectors.Preprocess, _ sampler: LetterboxSampler) throws -> [UInt8] {
        let rotation = try XCTUnwrap(FrameOrientation.Rotation(rawValue: golden.rotation))
        let orientation = FrameOrientation(rotation: rotation, mirrored: golden.mirrored)
        return try GoldenVectors.withView(golden.pixels) { rgb(sampler, $0, orientation) }
    }

    private func rgb(_ sampler: LetterboxSampler, _ view: PixelView, _ orientation: FrameOrientation) -> [UInt8] {
        GoldenVectors.rgb(input) { _ = sampler.sample(view, orientation, into: $0, bytesPerRow: $1) }
    }
}
