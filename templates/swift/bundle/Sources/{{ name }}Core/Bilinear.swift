// SPDX-License-Identifier: Apache-2.0

/// The mean of four neighbouring texels, weighted with integers.
///
/// Weights have 11 bits an axis: their product times a byte fits 31 bits, so that one 64-bit multiplication serves two
/// channels.
enum Bilinear {
    /// Weights along an axis are fractions of 2 to the power of this.
    static let bits = 11
    /// The products of two weights are fractions of 2 to the power of this, twice `bits`.
    static let productBits: UInt32 = 22
    /// The least product of two weights that is not 0.
    @inline(__always)
    static var leastProduct: Float { 1 / Float(1 << productBits) }
    /// Opaque black as little-endian BGRA.
    static let black: UInt32 = 0xff00_0000

    /// The four products of two weights along each axis.
    struct Weights {
        let nearNear: UInt32
        let nearFar: UInt32
        let farNear: UInt32
        let farFar: UInt32

        /// `near` and `far` are the weights of the two texels along a line, for the line `nearRow` and the line `farRow`.
        @inline(__always)
        init(nearRow: UInt32, farRow: UInt32, near: UInt32, far: UInt32) {
            nearNear = nearRow &* near
            nearFar = nearRow &* far
            farNear = farRow &* near
            farFar = farRow &* far
        }

        /// Less than 1 where some of the texels have no weight.
        @inline(__always)
        var sum: Int32 { Int32(nearNear &+ nearFar &+ farNear &+ farFar) }
    }

    /// Returns the mean of four texels of four bytes as opaque BGRA; `swapped` says that they are RGBA.
    @inline(__always)
    static func packed(
        _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32, _ weights: Weights, swapped: Bool
    ) -> UInt32 {
        let nearNear = UInt64(weights.nearNear)
        let nearFar = UInt64(weights.nearFar)
        let farNear = UInt64(weights.farNear)
        let farFar = UInt64(weights.farFar)
        let outer =
            firstAndThird(a) &* nearNear &+ firstAndThird(b) &* nearFar
            &+ firstAndThird(c) &* farNear &+ firstAndThird(d) &* farFar &+ halfOfBoth
        let second =
            Self.second(a) &* nearNear &+ Self.second(b) &* nearFar
            &+ Self.second(c) &* farNear &+ Self.second(d) &* farFar &+ half
        let low = UInt32(truncatingIfNeeded: outer) >> productBits
        let high = UInt32(truncatingIfNeeded: outer >> 32) >> productBits
        let middle = UInt32(truncatingIfNeeded: second) >> productBits
        return black | middle << 8 | (swapped ? low << 16 | high : high << 16 | low)
    }

    /// Returns opaque BGRA for numbers from 0 to 255.
    @inline(__always)
    static func bgra(blue: Float, green: Float, red: Float) -> UInt32 {
        // Floating-point numbers from 2²³ on are integers; the sum is rounded to the nearest.
        func byte(_ value: Float) -> UInt32 { (value + 0x1p23).bitPattern & 0xff }
        return byte(blue) | byte(green) << 8 | byte(red) << 16 | black
    }

    /// Returns the weighted sum of four bytes.
    @inline(__always)
    static func sum(_ a: Int32, _ b: Int32, _ c: Int32, _ d: Int32, _ weights: Weights) -> Int32 {
        let near = a &* Int32(weights.nearNear) &+ b &* Int32(weights.nearFar)
        return near &+ c &* Int32(weights.farNear) &+ d &* Int32(weights.farFar)
    }

    // Computed, as the compiler does not see through a constant that it would have to make at first use.
    @inline(__always)
    private static var half: UInt64 { 1 << UInt64(productBits - 1) }

    @inline(__always)
    private static var halfOfBoth: UInt64 { half << 32 | half }

    @inline(__always)
    private static func firstAndThird(_ pixel: UInt32) -> UInt64 {
        UInt64(pixel & 0xff) | UInt64(pixel >> 16 & 0xff) << 32
    }

    @inline(__always)
    private static func second(_ pixel: UInt32) -> UInt64 { UInt64(pixel >> 8 & 0xff) }
}

/// How Y and pairs of Cb and Cr lie in memory.
protocol BiPlanarSamples {
    /// How many bytes each of Y, Cb and Cr takes.
    static var bytes: Int { get }
    static func luma(_ place: UnsafeRawPointer) -> UInt8
    /// Cb in the lower byte, Cr in the upper.
    static func chroma(_ place: UnsafeRawPointer) -> UInt16
}

enum BiPlanarBytes: BiPlanarSamples {
    @inline(__always)
    static var bytes: Int { 1 }

    @inline(__always)
    static func luma(_ place: UnsafeRawPointer) -> UInt8 { place.load(as: UInt8.self) }

    @inline(__always)
    static func chroma(_ place: UnsafeRawPointer) -> UInt16 { place.loadUnaligned(as: UInt16.self) }
}

/// Little-endian 16-bit words, of which the upper byte is used.
enum BiPlanarWords: BiPlanarSamples {
    @inline(__always)
    static var bytes: Int { 2 }

    @inline(__always)
    static func luma(_ place: UnsafeRawPointer) -> UInt8 { place.load(fromByteOffset: 1, as: UInt8.self) }

    @inline(__always)
    static func chroma(_ place: UnsafeRawPointer) -> UInt16 {
        let pair = place.loadUnaligned(as: UInt32.self)
        return UInt16(truncatingIfNeeded: pair >> 8 & 0xff | pair >> 16 & 0xff00)
    }
}

/// How Y, Cb and Cr become red, green and blue.
package enum YCbCrMatrix: Hashable, Sendable {
    /// ITU-R BT.601: cameras, and video with few lines.
    case bt601
    /// ITU-R BT.709: HD video.
    case bt709
    /// ITU-R BT.2020, non-constant luminance: HDR video.
    case bt2020

    /// The factors of Cr in red and green, and those of Cb in green and blue; green's are subtracted.
    fileprivate var factors: (redFromRed: Float, greenFromRed: Float, greenFromBlue: Float, blueFromBlue: Float) {
        switch self {
        case .bt601: (1.402, 0.714136, 0.344136, 1.772)
        case .bt709: (1.5748, 0.468124, 0.187324, 1.8556)
        case .bt2020: (1.4746, 0.571353, 0.164553, 1.8814)
        }
    }
}

/// What the bytes of Y, Cb and Cr stand for.
struct YCbCrRange {
    /// Y of black.
    private let black: Int32
    private let lumaScale: Float
    private let redFromRed: Float
    private let greenFromRed: Float
    private let greenFromBlue: Float
    private let blueFromBlue: Float

    /// - Parameter isFull: Whether Y, Cb and Cr use all byte values, as in 420f; else Y uses 16 to 235, and Cb and Cr 16
    ///   to 240, as in 420v.
    init(_ matrix: YCbCrMatrix, isFull: Bool) {
        black = isFull ? 0 : 16
        let chromaScale: Float = isFull ? 1 : 255 / 224
        lumaScale = isFull ? 1 : 255 / 219
        let factors = matrix.factors
        redFromRed = factors.redFromRed * chromaScale
        greenFromRed = -factors.greenFromRed * chromaScale
        greenFromBlue = -factors.greenFromBlue * chromaScale
        blueFromBlue = factors.blueFromBlue * chromaScale
    }

    /// Returns opaque BGRA for the weighted sums of four texels.
    ///
    /// - Parameter inside: The sum of the weights of those within the picture; what it lacks of 1 is black.
    @inline(__always)
    func bgra(luma: Int32, blueDifference: Int32, redDifference: Int32, inside: Int32) -> UInt32 {
        let colour = colour(
            grey: Float(luma &- black &* inside) * Bilinear.leastProduct,
            blueDifference: Float(blueDifference &- 128 &* inside) * Bilinear.leastProduct,
            redDifference: Float(redDifference &- 128 &* inside) * Bilinear.leastProduct)
        return Bilinear.black | UInt32(colour.red + 0.5) << 16 | UInt32(colour.green + 0.5) << 8
            | UInt32(colour.blue + 0.5)
    }

    /// Returns the colour of Y, Cb and Cr, from 0 to 255.
    @inline(__always)
    func colour(
        luma: Float, blueDifference: Float, redDifference: Float
    ) -> (blue: Float, green: Float, red: Float) {
        colour(grey: luma - Float(black), blueDifference: blueDifference - 128, redDifference: redDifference - 128)
    }

    /// All three are 0 for black.
    @inline(__always)
    private func colour(
        grey: Float, blueDifference: Float, redDifference: Float
    ) -> (blue: Float, green: Float, red: Float) {
        func clamped(_ value: Float) -> Float { value < 0 ? 0 : value > 255 ? 255 : value }
        let grey = grey * lumaScale
        return (
            clamped(grey + blueFromBlue * blueDifference),
            clamped(grey + greenFromRed * redDifference + greenFromBlue * blueDifference),
            clamped(grey + redFromRed * redDifference)
        )
    }
}
