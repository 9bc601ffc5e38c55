/// Turns, mirrors, letterboxes and scales a picture into the model's input in one pass.
///
/// An input pixel lies between four texels of the picture, two along each axis. Which ones, and how much of each,
/// depends on the column alone or on the row alone, whatever the orientation: turning the picture only swaps which
/// axis walks along a row of memory. So one table an axis holds byte offsets and weights, and is made anew only when
/// size, format or orientation change. Texels outside the picture have the weight 0, which makes them black.
package final class LetterboxSampler {
    /// What the tables depend on.
    private struct Key: Equatable {
        let format: PixelView.Format
        let width: Int
        let height: Int
        let bytesPerRow: Int
        let chromaBytesPerRow: Int
        let orientation: FrameOrientation
    }

    private let input: ModelSpecification.Input
    private let columns: UnsafeMutableBufferPointer<Tap>
    private let rows: UnsafeMutableBufferPointer<Tap>
    private var key: Key?

    package init(input: ModelSpecification.Input) {
        self.input = input
        columns = .allocate(capacity: input.width)
        rows = .allocate(capacity: input.height)
        columns.initialize(repeating: Tap())
        rows.initialize(repeating: Tap())
    }

    deinit {
        columns.deallocate()
        rows.deallocate()
    }

    /// Writes the input as BGRA bytes, `bytesPerRow` a row, opaque; values are rounded to the nearest byte.
    ///
    /// - Returns: The letterbox that brings results back to the upright picture.
    @discardableResult
    package func sample(
        _ picture: PixelView, _ orientation: FrameOrientation, into target: UnsafeMutableRawPointer, bytesPerRow: Int
    ) -> Letterbox {
        let upright = picture.uprightSize(orientation)
        let letterbox = Letterbox(imageWidth: upright.width, imageHeight: upright.height, input: input)
        prepareTables(picture, orientation, letterbox)
        for row in 0..<input.height {
            let line = (target + row * bytesPerRow).assumingMemoryBound(to: UInt32.self)
            let tap = rows[row]
            if tap.isOutside {
                line.update(repeating: Self.black, count: input.width)
                continue
            }
            switch picture.format {
            case .bgra: samplePacked(picture, tap, into: line, swapped: false)
            case .rgba: samplePacked(picture, tap, into: line, swapped: true)
            case .biPlanar(let fullRange): sampleBiPlanar(picture, tap, into: line, fullRange ? .full : .video)
            }
        }
        return letterbox
    }

    /// Opaque black as little-endian BGRA.
    private static let black: UInt32 = 0xff00_0000

    private func samplePacked(
        _ picture: PixelView, _ row: Tap, into line: UnsafeMutablePointer<UInt32>, swapped: Bool
    ) {
        let near = picture.first.base + row.near
        let far = picture.first.base + row.far
        for column in 0..<input.width {
            let tap = columns[column]
            // Weights of 11 bits an axis: their product times a byte fits 31 bits, so that one 64-bit multiplication
            // serves two channels.
            let nearNear = UInt64(row.nearWeight &* tap.nearWeight)
            let nearFar = UInt64(row.nearWeight &* tap.farWeight)
            let farNear = UInt64(row.farWeight &* tap.nearWeight)
            let farFar = UInt64(row.farWeight &* tap.farWeight)
            let a = near.loadUnaligned(fromByteOffset: tap.near, as: UInt32.self)
            let b = near.loadUnaligned(fromByteOffset: tap.far, as: UInt32.self)
            let c = far.loadUnaligned(fromByteOffset: tap.near, as: UInt32.self)
            let d = far.loadUnaligned(fromByteOffset: tap.far, as: UInt32.self)
            let outer =
                Self.firstAndThird(a) &* nearNear &+ Self.firstAndThird(b) &* nearFar
                &+ Self.firstAndThird(c) &* farNear &+ Self.firstAndThird(d) &* farFar &+ Self.halfOfBoth
            let second =
                Self.second(a) &* nearNear &+ Self.second(b) &* nearFar
                &+ Self.second(c) &* farNear &+ Self.second(d) &* farFar &+ Self.half
            let low = UInt32(truncatingIfNeeded: outer) >> Tap.productBits
            let high = UInt32(truncatingIfNeeded: outer >> 32) >> Tap.productBits
            let middle = UInt32(truncatingIfNeeded: second) >> Tap.productBits
            line[column] = Self.black | middle << 8 | (swapped ? low << 16 | high : high << 16 | low)
        }
    }

    private static let half: UInt64 = 1 << (Tap.productBits - 1)
    private static let halfOfBoth: UInt64 = half << 32 | half

    @inline(__always)
    private static func firstAndThird(_ pixel: UInt32) -> UInt64 {
        UInt64(pixel & 0xff) | UInt64(pixel >> 16 & 0xff) << 32
    }

    @inline(__always)
    private static func second(_ pixel: UInt32) -> UInt64 { UInt64(pixel >> 8 & 0xff) }

    private func sampleBiPlanar(
        _ picture: PixelView, _ row: Tap, into line: UnsafeMutablePointer<UInt32>, _ range: YCbCrRange
    ) {
        let near = picture.first.base + row.near
        let far = picture.first.base + row.far
        let chromaNear = picture.second.base + row.chromaNear
        let chromaFar = picture.second.base + row.chromaFar
        for column in 0..<input.width {
            let tap = columns[column]
            let nearNear = Int32(row.nearWeight &* tap.nearWeight)
            let nearFar = Int32(row.nearWeight &* tap.farWeight)
            let farNear = Int32(row.farWeight &* tap.nearWeight)
            let farFar = Int32(row.farWeight &* tap.farWeight)
            let luma =
                Int32(near.load(fromByteOffset: tap.near, as: UInt8.self)) &* nearNear
                &+ Int32(near.load(fromByteOffset: tap.far, as: UInt8.self)) &* nearFar
                &+ Int32(far.load(fromByteOffset: tap.near, as: UInt8.self)) &* farNear
                &+ Int32(far.load(fromByteOffset: tap.far, as: UInt8.self)) &* farFar
            let a = chromaNear.loadUnaligned(fromByteOffset: tap.chromaNear, as: UInt16.self)
            let b = chromaNear.loadUnaligned(fromByteOffset: tap.chromaFar, as: UInt16.self)
            let c = chromaFar.loadUnaligned(fromByteOffset: tap.chromaNear, as: UInt16.self)
            let d = chromaFar.loadUnaligned(fromByteOffset: tap.chromaFar, as: UInt16.self)
            let blue =
                Int32(a & 0xff) &* nearNear &+ Int32(b & 0xff) &* nearFar
                &+ Int32(c & 0xff) &* farNear &+ Int32(d & 0xff) &* farFar
            let red =
                Int32(a >> 8) &* nearNear &+ Int32(b >> 8) &* nearFar
                &+ Int32(c >> 8) &* farNear &+ Int32(d >> 8) &* farFar
            // What the four weights lack of 1 lies outside the picture, and is black there.
            let inside = nearNear &+ nearFar &+ farNear &+ farFar
            line[column] = range.bgra(
                luma: Float(luma &- range.black &* inside),
                blueDifference: Float(blue &- 128 &* inside),
                redDifference: Float(red &- 128 &* inside)
            )
        }
    }

    private func prepareTables(_ picture: PixelView, _ orientation: FrameOrientation, _ letterbox: Letterbox) {
        let now = Key(
            format: picture.format,
            width: picture.width,
            height: picture.height,
            bytesPerRow: picture.first.bytesPerRow,
            chromaBytesPerRow: picture.second.bytesPerRow,
            orientation: orientation
        )
        guard now != key else { return }
        key = now
        var lumaStep = 4
        var chromaStep = 0
        if case .biPlanar = picture.format { (lumaStep, chromaStep) = (1, 2) }
        let alongRow = Axis(count: picture.width, step: lumaStep, chromaStep: chromaStep)
        let alongColumn = Axis(
            count: picture.height,
            step: picture.first.bytesPerRow,
            chromaStep: chromaStep == 0 ? 0 : picture.second.bytesPerRow
        )
        var across = orientation.swapsSides ? alongColumn : alongRow
        var down = orientation.swapsSides ? alongRow : alongColumn
        across.isReversed = (orientation.rotation == .right || orientation.rotation == .half) != orientation.mirrored
        down.isReversed = orientation.rotation == .half || orientation.rotation == .left
        across.fill(columns, extent: letterbox.width)
        down.fill(rows, extent: letterbox.height)
    }
}

/// The two texels around an input pixel along one axis.
private struct Tap {
    /// Weights are fractions of 2 to the power of this.
    static let bits = 11
    static let productBits = UInt32(2 * bits)

    var near = 0
    var far = 0
    var chromaNear = 0
    var chromaFar = 0
    var nearWeight: UInt32 = 0
    var farWeight: UInt32 = 0

    var isOutside: Bool { nearWeight == 0 && farWeight == 0 }
}

/// How the texels of the upright picture follow each other in memory along one axis.
private struct Axis {
    let count: Int
    let step: Int
    let chromaStep: Int
    var isReversed = false

    /// Fills a table for a region of `extent` texels around the picture's centre, corner to corner: the input's
    /// pixel 0 lies on the region's edge, and texels have integer positions.
    func fill(_ taps: UnsafeMutableBufferPointer<Tap>, extent: Double) {
        for index in taps.indices {
            let position = (Double(index) / Double(taps.count) - 0.5) * extent + Double(count) / 2
            let floor = position.rounded(.down)
            let one = 1 << Tap.bits
            let share = Int(((position - floor) * Double(one)).rounded())
            let texel = Int(floor)
            var tap = Tap()
            (tap.near, tap.chromaNear, tap.nearWeight) = place(texel, weight: one - share)
            (tap.far, tap.chromaFar, tap.farWeight) = place(texel + 1, weight: share)
            taps[index] = tap
        }
    }

    /// Returns the byte offsets of a texel and its weight, 0 if it lies outside the picture.
    private func place(_ texel: Int, weight: Int) -> (offset: Int, chroma: Int, weight: UInt32) {
        guard (0..<count).contains(texel) else { return (0, 0, 0) }
        let stored = isReversed ? count - 1 - texel : texel
        return (stored * step, stored / 2 * chromaStep, UInt32(weight))
    }
}

/// BT.601 with the scale of `Tap`'s weights taken out.
private struct YCbCrRange {
    /// Y of black.
    let black: Int32
    private let lumaScale: Float
    private let redFromRed: Float
    private let greenFromRed: Float
    private let greenFromBlue: Float
    private let blueFromBlue: Float

    /// Y, Cb and Cr use all byte values: 420f.
    static let full = YCbCrRange(black: 0, lumaExtent: 255, chromaExtent: 255)
    /// Y uses 16 to 235, Cb and Cr 16 to 240: 420v.
    static let video = YCbCrRange(black: 16, lumaExtent: 219, chromaExtent: 224)

    private init(black: Int32, lumaExtent: Float, chromaExtent: Float) {
        self.black = black
        let one = Float(1 << Tap.productBits)
        let chromaScale = 255 / chromaExtent / one
        lumaScale = 255 / lumaExtent / one
        redFromRed = 1.402 * chromaScale
        greenFromRed = -0.714136 * chromaScale
        greenFromBlue = -0.344136 * chromaScale
        blueFromBlue = 1.772 * chromaScale
    }

    @inline(__always)
    func bgra(luma: Float, blueDifference: Float, redDifference: Float) -> UInt32 {
        let grey = luma * lumaScale
        let red = Self.byte(grey + redFromRed * redDifference)
        let green = Self.byte(grey + greenFromRed * redDifference + greenFromBlue * blueDifference)
        let blue = Self.byte(grey + blueFromBlue * blueDifference)
        return 0xff00_0000 | red << 16 | green << 8 | blue
    }

    @inline(__always)
    private static func byte(_ value: Float) -> UInt32 { UInt32(min(max(value, 0), 255) + 0.5) }
}
