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
        let shared = Dictionary(
            uniqueKeysWithValues: Sampling.allCases.map { ($0, LetterboxSampler(input: input, sampling: $0)) })
        for golden in cases {
            let expected = try GoldenVectors.floats(golden.input.file)
            let rows = golden.rows ?? Array(0..<input.height)
            XCTAssertEqual(golden.input.shape.suffix(3), [rows.count, input.width, 3])
            let sampling = try XCTUnwrap(Sampling(rawValue: golden.sampling))
            for sampler in [try XCTUnwrap(shared[sampling]), LetterboxSampler(input: input, sampling: sampling)] {
                let all = try sample(golden, sampler)
                let found = rows.flatMap { all[3 * input.width * $0..<3 * input.width * ($0 + 1)] }
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

    /// Sums of the brightest pixels fit their 16 bits, and nothing is read beyond the picture.
    func testLargeWhitePicturesAreWhite() throws {
        for (width, height) in [(640, 360), (301, 1999), (12_000, 31), (32_768, 3)] {
            let bytesPerRow = 4 * width + 4
            var pixels = [UInt8](repeating: 255, count: bytesPerRow * height)
            for row in 0..<height { pixels[bytesPerRow * row + 4 * width] = 0 }
            let whites = try pixels.withUnsafeBytes { bytes in
                let plane = PixelView.Plane(base: bytes.baseAddress!, bytesPerRow: bytesPerRow)
                let view = try PixelView(format: .bgra, width: width, height: height, first: plane)
                return [FrameOrientation(), FrameOrientation(rotation: .left, mirrored: true)].map {
                    Set(rgb(LetterboxSampler(input: input), view, $0))
                }
            }
            for found in whites { XCTAssertEqual(found, [0, 255], "\(width) × \(height)") }
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

    func testTenBitsAreSampledAsTheirUpperEight() throws {
        for (width, height) in [(1, 1), (2, 7), (641, 33), (40, 300)] {
            for fullRange in [true, false] {
                try withBothDepths(width, height, fullRange: fullRange) { plain, deep in
                    for rotation in FrameOrientation.Rotation.allCases {
                        let orientation = FrameOrientation(rotation: rotation)
                        let sampler = LetterboxSampler(input: input)
                        let expected = rgb(sampler, plain, orientation)
                        XCTAssertEqual(rgb(sampler, deep, orientation), expected, "\(width) × \(height)")
                        XCTAssertGreaterThan(expected.max()!, 0)
                    }
                }
            }
        }
        let row = [UInt8](repeating: 0, count: 64)
        try row.withUnsafeBytes { bytes in
            let short = PixelView.Plane(base: bytes.baseAddress!, bytesPerRow: 16)
            XCTAssertThrowsError(
                try PixelView(format: .biPlanar10(fullRange: true), width: 16, height: 1, first: short, chroma: short))
        }
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

/// A picture in two planes with eight bits, and the same with ten bits: its upper eight and two more.
func withBothDepths(
    _ width: Int, _ height: Int, fullRange: Bool, _ body: (PixelView, PixelView) throws -> Void
) throws {
    let chromaWidth = (width + 1) / 2 * 2
    var state: UInt32 = 1
    func random() -> UInt8 {
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(state >> 24)
    }
    let luma = (0..<width * height).map { _ in random() }
    let chroma = (0..<chromaWidth * ((height + 1) / 2)).map { _ in random() }
    func words(_ bytes: [UInt8]) -> [UInt8] { bytes.flatMap { [random() & 0xc0, $0] } }
    let (deepLuma, deepChroma) = (words(luma), words(chroma))
    func view(_ format: PixelView.Format, _ luma: [UInt8], _ chroma: [UInt8], _ bytes: Int) throws -> PixelView {
        // Kept alive by the arrays, which outlive the views.
        try PixelView(
            format: format, width: width, height: height,
            first: .init(base: luma.withUnsafeBytes { $0.baseAddress! }, bytesPerRow: bytes * width),
            chroma: .init(base: chroma.withUnsafeBytes { $0.baseAddress! }, bytesPerRow: bytes * chromaWidth))
    }
    try withExtendedLifetime((luma, chroma, deepLuma, deepChroma)) {
        try body(
            view(.biPlanar(fullRange: fullRange), luma, chroma, 1),
            view(.biPlanar10(fullRange: fullRange), deepLuma, deepChroma, 2))
    }
}
