import Foundation
import XCTest

@testable import BlazeFaceCore

/// Reads the golden vectors of the model that the package was rendered for.
enum GoldenVectors {
    struct Postprocess: Decodable {
        struct Options: Decodable {
            let minimum_score: Float
            let blending_iou: Float
            let maximum_faces: Int?
        }
        struct Output: Decodable {
            let file: String
            let shape: [Int]
        }
        struct Image: Decodable {
            let width: Int
            let height: Int
        }
        struct Face: Decodable {
            struct Roi: Decodable {
                let center: [Double]
                let size: [Double]
                let rotation_degrees: Double
            }
            let score: Float
            let box: [Double]
            let keypoints: [[Double]]
            let roll_degrees: Double
            let roi: Roi
        }
        let `case`: String
        let options: Options
        let outputs: [String: Output]
        let image: Image
        let faces: [Face]
    }

    struct Pixels: Decodable {
        struct Plane: Decodable {
            let file: String?
            let pattern: Int?
            let bytes: Int?
            let row_stride: Int
            let pixel_stride: Int
        }
        let format: String
        let width: Int
        let height: Int
        let range: String?
        let matrix: String?
        let planes: [Plane]
    }

    struct Input: Decodable {
        let file: String
        let shape: [Int]
    }

    struct Preprocess: Decodable {
        let `case`: String
        let pixels: Pixels
        let rotation: Int
        let mirrored: Bool
        let sampling: String
        let rows: [Int]?
        let input: Input
    }

    private struct Kind: Decodable {
        let kind: String
    }

    static let specification = ModelSpecification.shipped

    static func postprocess() throws -> [Postprocess] {
        try cases("postprocess", Postprocess.self)
    }

    /// The cases in the formats that Apple's cameras deliver, but for the one that is larger than any.
    static func preprocess() throws -> [Preprocess] {
        try cases("preprocess", Preprocess.self).filter {
            $0.pixels.format != "i420" && $0.pixels.width <= PixelView.maximumSide
        }
    }

    /// Returns the cases of one kind, those of the model unless a folder is named.
    static func cases<Case: Decodable>(
        _ kind: String, _ type: Case.Type, in folder: String = specification.name
    ) throws -> [Case] {
        let files = try FileManager.default.contentsOfDirectory(at: place(of: folder), includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
            .map { try Data(contentsOf: $0) }
            .filter { try JSONDecoder().decode(Kind.self, from: $0).kind == kind }
            .map { try JSONDecoder().decode(type, from: $0) }
    }

    static func floats(_ file: String, in folder: String = specification.name) throws -> [Float] {
        try bytes(file, in: folder).withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
            }
        }
    }

    static func bytes(_ file: String, in folder: String = specification.name) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: place(of: folder).appendingPathComponent(file)))
    }

    /// Calls `body` with a look at the pixels of a case.
    static func withView<Result>(
        _ pixels: Pixels, in folder: String = specification.name, _ body: (PixelView) throws -> Result
    ) throws -> Result {
        let planes = try pixels.planes.map { plane in
            if let file = plane.file { return try bytes(file, in: folder) }
            return pattern(try XCTUnwrap(plane.bytes), plane.row_stride, try XCTUnwrap(plane.pattern))
        }
        let format: PixelView.Format =
            switch pixels.format {
            case "bgra": .bgra
            case "rgba": .rgba
            default: .biPlanar(fullRange: pixels.range != "video")
            }
        return try planes[0].withUnsafeBytes { first in
            try planes[planes.count - 1].withUnsafeBytes { last in
                let strides = pixels.planes.map(\.row_stride)
                return try body(
                    PixelView(
                        format: format,
                        width: pixels.width,
                        height: pixels.height,
                        first: .init(base: first.baseAddress!, bytesPerRow: strides[0]),
                        chroma: planes.count > 1 ? .init(base: last.baseAddress!, bytesPerRow: strides[1]) : nil,
                        matrix: ["bt709": .bt709, "bt2020": .bt2020][pixels.matrix ?? ""] ?? .bt601
                    ))
            }
        }
    }

    /// Returns the pattern of tests/golden/buffers.py.
    private static func pattern(_ count: Int, _ rowStride: Int, _ plane: Int) -> [UInt8] {
        var made: [UInt8] = []
        made.reserveCapacity(count)
        var (row, column): (UInt32, UInt32) = (0, 0)
        for _ in 0..<count {
            let ramp = (row &* 5 &+ column &* 2 &+ UInt32(64 * plane)) >> 2 & 0x7f
            let noise = ((row << 16 ^ column) &* 2_654_435_761) >> 25
            made.append(UInt8(truncatingIfNeeded: ramp &+ noise))
            column += 1
            if column == UInt32(rowStride) { (row, column) = (row + 1, 0) }
        }
        return made
    }

    /// Returns what `sample` writes as RGB bytes, after a check that alpha is opaque and row padding untouched.
    static func rgb(
        _ input: ModelSpecification.Input, _ sample: (UnsafeMutableRawPointer, Int) -> Void
    ) -> [UInt8] {
        let bytesPerRow = input.width * 4 + 32
        var target = [UInt8](repeating: 0x5a, count: bytesPerRow * input.height)
        target.withUnsafeMutableBytes { sample($0.baseAddress!, bytesPerRow) }
        var rgb: [UInt8] = []
        rgb.reserveCapacity(3 * input.width * input.height)
        for row in 0..<input.height {
            for column in 0..<input.width {
                let start = row * bytesPerRow + 4 * column
                rgb.append(target[start + 2])
                rgb.append(target[start + 1])
                rgb.append(target[start])
                if target[start + 3] != 0xff { XCTFail("row \(row), column \(column) is not opaque") }
            }
            let padding = target[(row * bytesPerRow + 4 * input.width)..<((row + 1) * bytesPerRow)]
            XCTAssertTrue(padding.allSatisfy { $0 == 0x5a })
        }
        return rgb
    }

    private static func place(of folder: String) throws -> URL {
        let root = try XCTUnwrap(ProcessInfo.processInfo.environment["GOLDEN"], "GOLDEN names no folder")
        return URL(fileURLWithPath: root).appendingPathComponent(folder)
    }
}

extension RawOutputs {
    /// Writes rows as a run of the model would: each number into the output that holds it.
    func write(_ rows: [Float]) {
        var first = 0
        for tensor in tensors {
            for index in tensor.values.indices {
                let (row, number) = index.quotientAndRemainder(dividingBy: tensor.width)
                tensor.values[index] = rows[row * rowLength + first + number]
            }
            first += tensor.width
        }
        gather()
    }
}
