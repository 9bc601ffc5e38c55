import Foundation

/// Turns, mirrors, cuts out and scales a region of a picture into a model's input in one pass.
///
/// The way from an input pixel to the buffer's texels is one affine map: the region's turn and scale, then how the
/// buffer lies. Walking along a line of the input adds the same step to a position with 32 fractional bits. Beyond the
/// edges the picture's own edge goes on.
package struct CropSampler: Sendable {
    private let input: ModelSpecification.Input

    package init(input: ModelSpecification.Input) {
        self.input = input
    }

    /// Writes the input as BGRA bytes, `bytesPerRow` a row, opaque; values are rounded to the nearest byte.
    ///
    /// - Parameter region: In pixels of the upright picture; finite.
    package func sample(
        _ picture: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect,
        into target: UnsafeMutableRawPointer, bytesPerRow: Int
    ) {
        let walk = Walk(picture, orientation, region, input)
        for row in 0..<input.height {
            let line = (target + row * bytesPerRow).assumingMemoryBound(to: UInt32.self)
            switch picture.format {
            case .bgra: samplePacked(picture, walk, row, into: line, swapped: false)
            case .rgba: samplePacked(picture, walk, row, into: line, swapped: true)
            case .biPlanar(let fullRange): sampleBiPlanar(picture, walk, row, into: line, fullRange ? .full : .video)
            }
        }
    }

    private func samplePacked(
        _ picture: PixelView, _ walk: Walk, _ row: Int, into line: UnsafeMutablePointer<UInt32>, swapped: Bool
    ) {
        let bytesPerRow = picture.first.bytesPerRow
        var position = walk.start(ofRow: row)
        for column in 0..<input.width {
            let (x, y) = (walk.texel(position.x, walk.last.x), walk.texel(position.y, walk.last.y))
            let near = picture.first.base + (y.index &* bytesPerRow &+ x.index &* 4)
            let far = near + (y.hasNeighbour ? bytesPerRow : 0)
            let beside = x.hasNeighbour ? 4 : 0
            line[column] = Bilinear.packed(
                near.loadUnaligned(as: UInt32.self),
                near.loadUnaligned(fromByteOffset: beside, as: UInt32.self),
                far.loadUnaligned(as: UInt32.self),
                far.loadUnaligned(fromByteOffset: beside, as: UInt32.self),
                Walk.weights(x, y),
                swapped: swapped
            )
            position &+= walk.step
        }
    }

    private func sampleBiPlanar(
        _ picture: PixelView, _ walk: Walk, _ row: Int, into line: UnsafeMutablePointer<UInt32>, _ range: YCbCrRange
    ) {
        let (luma, chroma) = (picture.first, picture.second)
        var position = walk.start(ofRow: row)
        for column in 0..<input.width {
            let (x, y) = (walk.texel(position.x, walk.last.x), walk.texel(position.y, walk.last.y))
            let weights = Walk.weights(x, y)
            let (right, below) = (x.hasNeighbour ? x.index &+ 1 : x.index, y.hasNeighbour ? y.index &+ 1 : y.index)
            let near = luma.base + y.index &* luma.bytesPerRow
            let far = luma.base + below &* luma.bytesPerRow
            let grey = Bilinear.sum(
                Int32(near.load(fromByteOffset: x.index, as: UInt8.self)),
                Int32(near.load(fromByteOffset: right, as: UInt8.self)),
                Int32(far.load(fromByteOffset: x.index, as: UInt8.self)),
                Int32(far.load(fromByteOffset: right, as: UInt8.self)),
                weights
            )
            let chromaNear = chroma.base + (y.index >> 1) &* chroma.bytesPerRow
            let chromaFar = chroma.base + (below >> 1) &* chroma.bytesPerRow
            let (left, beside) = ((x.index >> 1) &* 2, (right >> 1) &* 2)
            let a = chromaNear.loadUnaligned(fromByteOffset: left, as: UInt16.self)
            let b = chromaNear.loadUnaligned(fromByteOffset: beside, as: UInt16.self)
            let c = chromaFar.loadUnaligned(fromByteOffset: left, as: UInt16.self)
            let d = chromaFar.loadUnaligned(fromByteOffset: beside, as: UInt16.self)
            line[column] = range.bgra(
                luma: grey,
                blueDifference: Bilinear.sum(
                    Int32(a & 0xff), Int32(b & 0xff), Int32(c & 0xff), Int32(d & 0xff), weights),
                redDifference: Bilinear.sum(Int32(a >> 8), Int32(b >> 8), Int32(c >> 8), Int32(d >> 8), weights),
                inside: weights.sum
            )
            position &+= walk.step
        }
    }
}

/// The way of the input's pixels through the buffer's texels, in fixed point.
private struct Walk {
    /// A texel and how far the position lies beyond it, towards the next one.
    struct Texel {
        let index: Int
        let share: UInt32

        /// Whether the next texel counts; there may be none otherwise.
        @inline(__always)
        var hasNeighbour: Bool { share != 0 }
    }

    private static let fractionBits = 32
    /// Beyond this a walk of 2¹⁵ steps leaves 64 bits. No camera's frame, and no face in one, comes near.
    private static let farthest = Double(1 << 30)
    private static let longestStep = Double(1 << 15)

    /// What one pixel to the right adds to x and y.
    let step: SIMD2<Int64>
    /// The last texel's position along x and y.
    let last: SIMD2<Int64>
    private let rowStep: SIMD2<Double>
    private let origin: SIMD2<Double>

    init(
        _ picture: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect, _ input: ModelSpecification.Input
    ) {
        let map = CropTransform(from: CGSize(width: input.width, height: input.height), to: region)
        let upright = picture.uprightSize(orientation)
        var across = (step: map.a, rowStep: map.c, origin: map.tx)
        var down = (step: map.b, rowStep: map.d, origin: map.ty)
        if (orientation.rotation == .right || orientation.rotation == .half) != orientation.mirrored {
            across = (-across.step, -across.rowStep, Double(upright.width - 1) - across.origin)
        }
        if orientation.rotation == .half || orientation.rotation == .left {
            down = (-down.step, -down.rowStep, Double(upright.height - 1) - down.origin)
        }
        let (x, y) = orientation.swapsSides ? (down, across) : (across, down)
        step = SIMD2(Self.fixed(x.step, within: Self.longestStep), Self.fixed(y.step, within: Self.longestStep))
        rowStep = SIMD2(x.rowStep, y.rowStep)
        origin = SIMD2(x.origin, y.origin)
        last = SIMD2(Int64(picture.width - 1), Int64(picture.height - 1)) &<< Int64(Self.fractionBits)
    }

    @inline(__always)
    func start(ofRow row: Int) -> SIMD2<Int64> {
        let start = origin + rowStep * Double(row)
        return SIMD2(Self.fixed(start.x, within: Self.farthest), Self.fixed(start.y, within: Self.farthest))
    }

    /// Returns where a position lies, brought to the edge if it is beyond.
    @inline(__always)
    func texel(_ position: Int64, _ last: Int64) -> Texel {
        let inside = min(max(position, 0), last)
        let dropped = Self.fractionBits - Bilinear.bits
        let rounded = (inside &+ 1 << (dropped - 1)) >> dropped
        return Texel(index: Int(rounded >> Bilinear.bits), share: UInt32(rounded & (1 << Bilinear.bits - 1)))
    }

    /// Returns the weights of the four texels around a position.
    @inline(__always)
    static func weights(_ x: Texel, _ y: Texel) -> Bilinear.Weights {
        let one: UInt32 = 1 << Bilinear.bits
        return Bilinear.Weights(nearRow: one &- y.share, farRow: y.share, near: one &- x.share, far: x.share)
    }

    private static func fixed(_ value: Double, within limit: Double) -> Int64 {
        Int64(min(max(value, -limit), limit) * Double(1 << fractionBits))
    }
}
