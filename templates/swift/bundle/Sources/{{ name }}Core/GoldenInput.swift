// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A picture that ships with the package, and what the reference made of it.
package protocol GoldenInput: Sendable {
    var picture: GoldenPicture { get }

    /// Returns how far the current raw outputs are from the reference.
    func compare(_ outputs: RawOutputs) -> SelfTestOutcome
}

/// How far a run of a model was from the reference.
package struct SelfTestOutcome: Sendable, Equatable {
    /// The largest difference of a logit.
    package var logitDifference: Float = 0
    /// The largest difference of a coordinate, as a share of the input's longer side.
    package var coordinateDifference: Float = 0

    /// Half a logit and two hundredths of the input: beyond what half precision does to a sound model, and far
    /// below what a broken driver does.
    package var hasPassed: Bool { logitDifference <= 0.5 && coordinateDifference <= 0.02 }

    mutating func noteLogit(_ found: Float, expected: Float) {
        logitDifference = Self.larger(logitDifference, abs(found - expected))
    }

    mutating func noteCoordinate(_ found: Float, expected: Float, side: Int) {
        coordinateDifference = Self.larger(coordinateDifference, abs(found - expected) / Float(side))
    }

    /// The larger of two differences, infinite if one is NaN: `max` would drop it.
    private static func larger(_ one: Float, _ other: Float) -> Float {
        one.isNaN || other.isNaN ? .infinity : max(one, other)
    }
}

/// A picture of the model's size.
package struct GoldenPicture: Sendable {
    private let width: Int
    private let height: Int
    private let rgb: ArraySlice<UInt8>

    fileprivate init(width: Int, height: Int, rgb: ArraySlice<UInt8>) {
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    /// Writes the picture as opaque BGRA bytes.
    package func write(into target: UnsafeMutableRawPointer, bytesPerRow: Int) {
        for row in 0..<height {
            for column in 0..<width {
                let source = rgb.startIndex + 3 * (row * width + column)
                let pixel =
                    UInt32(rgb[source]) << 16 | UInt32(rgb[source + 1]) << 8 | UInt32(rgb[source + 2]) | 0xff00_0000
                target.storeBytes(of: pixel.littleEndian, toByteOffset: row * bytesPerRow + 4 * column, as: UInt32.self)
            }
        }
    }
}

/// A file with a golden input, little-endian: four letters, then as 32-bit integers version, width, height and a
/// number of rows; the picture's RGB bytes; then, after `lead` bytes of the kind's own, rows of a fixed length.
struct GoldenFile {
    let picture: GoldenPicture
    let rowCount: Int
    /// Where what follows the picture begins.
    let bodyStart: Int
    private let bytes: [UInt8]

    private static let headerLength = 20

    /// - Throws: `FaceDetectorError.resourceDamaged` if `data` is not such a file for the model.
    init(
        _ data: Data, letters: String, input: ModelSpecification.Input, lead: Int, rowLength: Int,
        rowCounts: ClosedRange<Int>, name: String
    ) throws {
        let bytes = [UInt8](data)
        func damaged(_ detail: String) -> FaceDetectorError { .resourceDamaged(name: name, detail: detail) }
        guard bytes.count >= Self.headerLength, bytes.starts(with: letters.utf8) else {
            throw damaged("it does not begin as a golden input does.")
        }
        let version = Self.integer(bytes, at: 4)
        guard version == 1 else { throw damaged("its version \(version) is unknown.") }
        guard Self.integer(bytes, at: 8) == input.width, Self.integer(bytes, at: 12) == input.height else {
            throw damaged("its size is not the model's.")
        }
        let pixelsLength = input.width * input.height * 3
        rowCount = Self.integer(bytes, at: 16)
        bodyStart = Self.headerLength + pixelsLength
        guard rowCounts.contains(rowCount), bytes.count == bodyStart + lead + rowCount * rowLength else {
            throw damaged("it has \(bytes.count) bytes, which does not agree with its header.")
        }
        picture = GoldenPicture(
            width: input.width, height: input.height, rgb: bytes[Self.headerLength..<bodyStart])
        self.bytes = bytes
    }

    func integer(at offset: Int) -> Int { Self.integer(bytes, at: offset) }

    func float(at offset: Int) -> Float { Float(bitPattern: UInt32(integer(at: offset))) }

    private static func integer(_ bytes: [UInt8], at offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
}
