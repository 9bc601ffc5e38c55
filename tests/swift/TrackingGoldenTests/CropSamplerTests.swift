import XCTest

@testable import BlazeFaceCore

/// Holds the crop to what the Python reference makes of the same pixel buffers.
final class CropSamplerTests: XCTestCase {
    private struct Warp: Decodable {
        let `case`: String
        let pixels: GoldenVectors.Pixels
        let rotation: Int
        let mirrored: Bool
        let sampling: String
        let roi: TrackerTests.Roi
        let rows: [Int]
        let input: GoldenVectors.Input
    }

    private let input = LandmarkSpecification.shipped.input
    /// The sampler knows no model but for its input's size: a small one is enough for the edges.
    private let small = ModelSpecification.Input(name: "", width: 16, height: 16, minimum: 0, maximum: 1)

    func testCropIsThatOfTheReference() throws {
        let cases = try GoldenVectors.cases("warp", Warp.self, in: "sequences").filter { $0.pixels.format != "i420" }
        XCTAssertGreaterThanOrEqual(cases.count, 8)
        let scale = (input.maximum - input.minimum) / 255
        for golden in cases {
            let expected = try GoldenVectors.floats(golden.input.file, in: "sequences")
            XCTAssertEqual(golden.input.shape, [golden.rows.count, input.width, 3])
            let rotation = try XCTUnwrap(FrameOrientation.Rotation(rawValue: golden.rotation))
            let orientation = FrameOrientation(rotation: rotation, mirrored: golden.mirrored)
            let found = try GoldenVectors.withView(golden.pixels, in: "sequences") {
                rgb($0, orientation, golden.roi.rect, input, Sampling(rawValue: golden.sampling)!)
            }
            let rowLength = 3 * input.width
            for (place, row) in golden.rows.enumerated() {
                for index in 0..<rowLength {
                    let value = Float(found[row * rowLength + index]) * scale + input.minimum
                    let difference = abs(value - expected[place * rowLength + index])
                    XCTAssertLessThanOrEqual(difference, scale, "\(golden.case), row \(row), number \(index)")
                }
            }
        }
    }

    /// A buffer of one colour shows that colour alone, wherever the region lies: edges go on.
    func testOneColourStaysOneColour() throws {
        let regions = [
            RotatedRect(center: .zero, size: CGSize(width: 10, height: 10), rotationDegrees: 45),
            RotatedRect(center: CGPoint(x: -1e6, y: 1e6), size: CGSize(width: 3, height: 3), rotationDegrees: 10),
            RotatedRect(center: CGPoint(x: 20, y: 20), size: CGSize(width: 1e30, height: 1e30), rotationDegrees: 1),
            RotatedRect(center: CGPoint(x: 1e38, y: -1e38), size: CGSize(width: 0, height: 0), rotationDegrees: 0),
        ]
        for (width, height) in [(1, 1), (7, 40), (64, 2), (33, 33)] {
            let pixels = [UInt8](repeating: 200, count: width * height * 4)
            for format in [PixelView.Format.bgra, .biPlanar(fullRange: true)] {
                try pixels.withUnsafeBytes { bytes in
                    let plane = PixelView.Plane(base: bytes.baseAddress!, bytesPerRow: width * 2)
                    let wide = PixelView.Plane(base: bytes.baseAddress!, bytesPerRow: width * 4)
                    let view =
                        format == .bgra
                        ? try PixelView(format: format, width: width, height: height, first: wide)
                        : try PixelView(
                            format: format, width: width, height: height, first: plane, chroma: plane)
                    for orientation in Self.orientations {
                        for region in regions {
                            let found = Set(rgb(view, orientation, region, small))
                            XCTAssertLessThanOrEqual(found.count, 3, "\(width) × \(height), \(orientation), \(region)")
                        }
                    }
                }
            }
        }
    }

    /// Everything around the picture has another colour, which would show.
    func testNothingIsReadBeyondThePicture() throws {
        let (width, height, bytesPerRow) = (31, 17, 31 * 4 + 64)
        var pixels = [UInt8](repeating: 255, count: bytesPerRow * (height + 2))
        for row in 1...height {
            for byte in 0..<(width * 4) { pixels[row * bytesPerRow + byte] = 10 }
        }
        try pixels.withUnsafeBytes { bytes in
            let plane = PixelView.Plane(base: bytes.baseAddress! + bytesPerRow, bytesPerRow: bytesPerRow)
            let view = try PixelView(format: .bgra, width: width, height: height, first: plane)
            for orientation in Self.orientations {
                for step in 0..<40 {
                    let region = RotatedRect(
                        center: CGPoint(x: step % 7 * 6, y: step % 5 * 8),
                        size: CGSize(width: 5 + step, height: 5 + step),
                        rotationDegrees: Double(step) * 9
                    )
                    XCTAssertEqual(rgb(view, orientation, region, small).max(), 10)
                }
            }
        }
    }

    func testTenBitsAreSampledAsTheirUpperEight() throws {
        for (width, height) in [(1, 1), (2, 7), (641, 33)] {
            for fullRange in [true, false] {
                try withBothDepths(width, height, fullRange: fullRange) { plain, deep in
                    let region = RotatedRect(
                        center: CGPoint(x: width / 2, y: height / 2), size: CGSize(width: 30, height: 30),
                        rotationDegrees: 20)
                    for orientation in Self.orientations {
                        let expected = rgb(plain, orientation, region, small)
                        XCTAssertEqual(rgb(deep, orientation, region, small), expected, "\(width) × \(height)")
                        XCTAssertGreaterThan(expected.max()!, 0)
                    }
                }
            }
        }
    }

    private static let orientations = FrameOrientation.Rotation.allCases.flatMap { rotation in
        [false, true].map { FrameOrientation(rotation: rotation, mirrored: $0) }
    }

    private func rgb(
        _ view: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect, _ input: ModelSpecification.Input,
        _ sampling: Sampling = .area
    ) -> [UInt8] {
        GoldenVectors.rgb(input) {
            CropSampler(input: input, sampling: sampling).sample(view, orientation, region, into: $0, bytesPerRow: $1)
        }
    }
}
