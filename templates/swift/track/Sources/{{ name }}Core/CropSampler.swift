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
            // A line that stays inside, as most do, needs no look at the edges.
            if walk.staysInside(row: row) {
                sample(picture, walk, row, into: line, isInside: true)
            } else {
                sample(picture, walk, row, into: line, isInside: false)
            }
        }
    }

    @inline(__always)
    private func sample(
        _ picture: PixelView, _ walk: Walk, _ row: Int, into line: UnsafeMutablePointer<UInt32>, isInside: Bool
    ) {
        switch picture.format {
        case .bgra: samplePacked(picture, walk, row, into: line, swapped: false, isInside)
        case .rgba: samplePacked(picture, walk, row, into: line, swapped: true, isInside)
        case .biPlanar(let fullRange):
            sampleBiPlanar(picture, walk, row, into: line, fullRange ? .full : .video, isInside)
        }
    }

    @inline(__always)
    private func samplePacked(
        _ picture: PixelView, _ walk: Walk, _ row: Int, into line: UnsafeMutablePointer<UInt32>, swapped: Bool,
        _ isInside: Bool
    ) {
        let base = picture.first.base
        let bytesPerRow = picture.first.bytesPerRow
        var (x, y) = walk.start(ofRow: row)
        for column in 0..<input.width {
            let across = Texel(x, last: walk.lastX, isInside)
            let down = Texel(y, last: walk.lastY, isInside)
            let near = base + (down.index &* bytesPerRow &+ across.index &* 4)
            let far = near + (down.next &- down.index) &* bytesPerRow
            let beside = (across.next &- across.index) &* 4
            line[column] = Bilinear.packed(
                near.loadUnaligned(as: UInt32.self),
                near.loadUnaligned(fromByteOffset: beside, as: UInt32.self),
                far.loadUnaligned(as: UInt32.self),
                far.loadUnaligned(fromByteOffset: beside, as: UInt32.self),
                Texel.weights(across, down),
                swapped: swapped
            )
            x &+= walk.stepX
            y &+= walk.stepY
        }
    }

    @inline(__always)
    private func sampleBiPlanar(
        _ picture: PixelView, _ walk: Walk, _ row: Int, into line: UnsafeMutablePointer<UInt32>, _ range: YCbCrRange,
        _ isInside: Bool
    ) {
        let (luma, chroma) = (picture.first, picture.second)
        var (x, y) = walk.start(ofRow: row)
        for column in 0..<input.width {
            let across = Texel(x, last: walk.lastX, isInside)
            let down = Texel(y, last: walk.lastY, isInside)
            let weights = Texel.weights(across, down)
            let near = luma.base + down.index &* luma.bytesPerRow
            let far = luma.base + down.next &* luma.bytesPerRow
            let grey = Bilinear.sum(
                Int32(near.load(fromByteOffset: across.index, as: UInt8.self)),
                Int32(near.load(fromByteOffset: across.next, as: UInt8.self)),
                Int32(far.load(fromByteOffset: across.index, as: UInt8.self)),
                Int32(far.load(fromByteOffset: across.next, as: UInt8.self)),
                weights
            )
            let chromaNear = chroma.base + (down.index >> 1) &* chroma.bytesPerRow
            let chromaFar = chroma.base + (down.next >> 1) &* chroma.bytesPerRow
            let (left, right) = ((across.index >> 1) &* 2, (across.next >> 1) &* 2)
            let a = chromaNear.loadUnaligned(fromByteOffset: left, as: UInt16.self)
            let b = chromaNear.loadUnaligned(fromByteOffset: right, as: UInt16.self)
            let c = chromaFar.loadUnaligned(fromByteOffset: left, as: UInt16.self)
            let d = chromaFar.loadUnaligned(fromByteOffset: right, as: UInt16.self)
            line[column] = range.bgra(
                luma: grey,
                blueDifference: Bilinear.sum(
                    Int32(a & 0xff), Int32(b & 0xff), Int32(c & 0xff), Int32(d & 0xff), weights),
                redDifference: Bilinear.sum(Int32(a >> 8), Int32(b >> 8), Int32(c >> 8), Int32(d >> 8), weights),
                inside: Int32(1) << Int32(Bilinear.productBits)
            )
            x &+= walk.stepX
            y &+= walk.stepY
        }
    }
}

/// Two neighbouring texels along one axis, and how much of the second.
private struct Texel {
    let index: Int
    /// The same as `index` where the second has no weight: there may be none.
    let next: Int
    let share: UInt32

    /// - Parameters:
    ///   - position: In fixed point, already rounded to the weights' precision.
    ///   - last: The position of the last texel.
    ///   - isInside: Whether the position is known to lie before the last texel.
    @inline(__always)
    init(_ position: Int, last: Int, _ isInside: Bool) {
        let inside = isInside ? position : min(max(position, 0), last)
        index = inside >> Walk.fractionBits
        share =
            UInt32(truncatingIfNeeded: inside >> (Walk.fractionBits - Bilinear.bits)) & (1 << UInt32(Bilinear.bits) - 1)
        next = isInside || share != 0 ? index &+ 1 : index
    }

    /// Returns the weights of the four texels around a position.
    @inline(__always)
    static func weights(_ across: Texel, _ down: Texel) -> Bilinear.Weights {
        let one: UInt32 = 1 << UInt32(Bilinear.bits)
        return Bilinear.Weights(
            nearRow: one &- down.share, farRow: down.share, near: one &- across.share, far: across.share)
    }
}

/// The way of the input's pixels through the buffer's texels, in fixed point.
private struct Walk {
    static let fractionBits = 32
    /// Beyond this a walk of 2¹⁵ steps leaves 64 bits. No camera's frame, and no face in one, comes near.
    private static let farthest = Double(1 << 30)
    private static let longestStep = Double(1 << 15)
    /// Half of the least share that a weight can stand for.
    private static var half: Int { 1 << (fractionBits - Bilinear.bits - 1) }

    /// What one pixel to the right adds to x and y.
    let stepX: Int
    let stepY: Int
    /// The last texel's position along x and y.
    let lastX: Int
    let lastY: Int
    private let rowStep: SIMD2<Double>
    private let origin: SIMD2<Double>
    private let stepCount: Int

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
        stepX = Self.fixed(x.step, within: Self.longestStep)
        stepY = Self.fixed(y.step, within: Self.longestStep)
        lastX = (picture.width - 1) << Self.fractionBits
        lastY = (picture.height - 1) << Self.fractionBits
        rowStep = SIMD2(x.rowStep, y.rowStep)
        origin = SIMD2(x.origin, y.origin)
        stepCount = input.width - 1
    }

    /// Returns where a line of the input begins.
    @inline(__always)
    func start(ofRow row: Int) -> (x: Int, y: Int) {
        let start = origin + rowStep * Double(row)
        return (
            Self.fixed(start.x, within: Self.farthest) &+ Self.half,
            Self.fixed(start.y, within: Self.farthest) &+ Self.half
        )
    }

    /// Whether every position of a line has all four texels around it: it is straight, so its ends tell.
    func staysInside(row: Int) -> Bool {
        let start = start(ofRow: row)
        let end = (x: start.x &+ stepX &* stepCount, y: start.y &+ stepY &* stepCount)
        return min(start.x, end.x) >= 0 && max(start.x, end.x) < lastX
            && min(start.y, end.y) >= 0 && max(start.y, end.y) < lastY
    }

    private static func fixed(_ value: Double, within limit: Double) -> Int {
        Int(min(max(value, -limit), limit) * Double(1 << fractionBits))
    }
}
