// SPDX-License-Identifier: Apache-2.0

/// A look at the pixels of a locked buffer, checked so that sampling it cannot read beyond its memory.
///
/// Not to be kept: it is valid as long as the memory it points to.
package struct PixelView {
    package enum Format: Hashable {
        /// Four bytes a pixel: blue, green, red, and one that is ignored.
        case bgra
        /// Four bytes a pixel: red, green, blue, and one that is ignored.
        case rgba
        /// A plane of Y and one of interleaved Cb and Cr at half the size.
        case biPlanar(fullRange: Bool)
        /// The same with 10 bits in the upper part of 16, of which the upper 8 are used.
        case biPlanar10(fullRange: Bool)
    }

    /// One plane of memory; rows begin every `bytesPerRow` bytes.
    package struct Plane {
        package let base: UnsafeRawPointer
        package let bytesPerRow: Int

        package init(base: UnsafeRawPointer, bytesPerRow: Int) {
            self.base = base
            self.bytesPerRow = bytesPerRow
        }

        func check(holds needed: Int) throws {
            guard bytesPerRow >= needed else {
                throw FaceDetectorError.invalidPixelBuffer(
                    detail: "a row has \(bytesPerRow) bytes, its pixels need \(needed).")
            }
        }
    }

    /// The most pixels on a side: beyond any camera, and far from overflow.
    package static let maximumSide = 32_768

    package let format: Format
    package let width: Int
    package let height: Int
    package let first: Plane
    /// The plane of Cb and Cr; the first plane again where there is none.
    package let second: Plane
    /// How Y, Cb and Cr become colours; of no account for others than `biPlanar`.
    package let matrix: YCbCrMatrix

    /// - Parameter chroma: The plane of Cb and Cr, for `biPlanar` alone.
    /// - Throws: `FaceDetectorError.invalidImageSize` or `.invalidPixelBuffer`.
    package init(
        format: Format, width: Int, height: Int, first: Plane, chroma: Plane? = nil, matrix: YCbCrMatrix = .bt601
    ) throws {
        let sides = 1...Self.maximumSide
        guard sides.contains(width), sides.contains(height) else {
            throw FaceDetectorError.invalidImageSize(width: width, height: height)
        }
        switch format {
        case .bgra, .rgba:
            try first.check(holds: width * 4)
            guard chroma == nil else {
                throw FaceDetectorError.invalidPixelBuffer(detail: "it has two planes, its format asks for one.")
            }
        case .biPlanar, .biPlanar10:
            let bytes = format.bytesPerSample
            try first.check(holds: bytes * width)
            guard let chroma else {
                throw FaceDetectorError.invalidPixelBuffer(detail: "it has one plane, its format asks for two.")
            }
            try chroma.check(holds: bytes * ((width + 1) / 2 * 2))
        }
        self.format = format
        self.width = width
        self.height = height
        self.first = first
        second = chroma ?? first
        self.matrix = matrix
    }

    /// The size once the pixels are turned upright.
    package func uprightSize(_ orientation: FrameOrientation) -> (width: Int, height: Int) {
        orientation.swapsSides ? (height, width) : (width, height)
    }
}

extension PixelView.Format {
    package var isBiPlanar: Bool {
        switch self {
        case .bgra, .rgba: false
        case .biPlanar, .biPlanar10: true
        }
    }

    /// Whether Y, Cb and Cr use all values.
    package var isFullRange: Bool {
        switch self {
        case .bgra, .rgba: true
        case .biPlanar(let fullRange), .biPlanar10(let fullRange): fullRange
        }
    }

    /// How many bytes each of Y, Cb and Cr takes, or each channel.
    var bytesPerSample: Int {
        if case .biPlanar10 = self { return 2 }
        return 1
    }
}
