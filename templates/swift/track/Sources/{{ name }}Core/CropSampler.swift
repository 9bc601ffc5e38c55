// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Turns, mirrors, cuts out and scales a region of a picture into a model's input in one pass.
///
/// The way from an input pixel to the buffer's texels is one affine map: the region's turn and scale, then how the
/// buffer lies. Walking along a line of the input adds the same step to a position with 32 fractional bits. A line is a
/// row or a column of the input, whichever is closer to the buffer's rows: what is read then stays in the processor's
/// cache for the next line. Beyond the edges the picture's own edge goes on.
///
/// A line is fetched from the buffer first and mixed then: the second loop has no addresses to work out and nothing
/// that may go wrong, so that the compiler makes it handle four pixels at once. Not thread-safe.
package final class CropSampler {
    private let input: ModelSpecification.Input
    private let sampling: Sampling
    private let blocks = BlockReducer()
    private let line: Line

    package init(input: ModelSpecification.Input, sampling: Sampling = .area) {
        self.input = input
        self.sampling = sampling
        line = Line(count: max(input.width, input.height))
    }

    deinit { line.deallocate() }

    /// Writes the input as BGRA bytes, `bytesPerRow` a row, opaque; values are rounded to the nearest byte.
    ///
    /// - Parameter region: In pixels of the upright picture; finite.
    package func sample(
        _ picture: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect,
        into target: UnsafeMutableRawPointer, bytesPerRow: Int
    ) {
        if sampling == .area, let (reduced, region) = blocks.reduce(picture, orientation, region, input) {
            sample(reduced, as: picture, FrameOrientation(), region, into: target, bytesPerRow: bytesPerRow)
        } else {
            sample(picture, as: picture, orientation, region, into: target, bytesPerRow: bytesPerRow)
        }
    }

    /// Samples a picture whose texels, where it is packed, have the channels of another one's format.
    private func sample(
        _ picture: PixelView, as colours: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect,
        into target: UnsafeMutableRawPointer, bytesPerRow: Int
    ) {
        let walk = Walk(picture, orientation, region, input)
        for index in 0..<walk.lineCount {
            let row = (target + index * bytesPerRow).assumingMemoryBound(to: UInt32.self)
            let pixels = walk.byRows ? row : line.pixels
            let start = walk.start(ofLine: index)
            switch picture.format {
            case .bgra, .rgba: line.fetch(PackedTexels(plane: picture.first), walk, from: start)
            case .biPlanar: line.fetch(BiPlanarTexels<BiPlanarBytes>(picture), walk, from: start)
            case .biPlanar10: line.fetch(BiPlanarTexels<BiPlanarWords>(picture), walk, from: start)
            }
            switch colours.format {
            case .bgra: line.mix(walk, from: start, into: pixels) { Bilinear.bgra(blue: $0, green: $1, red: $2) }
            case .rgba: line.mix(walk, from: start, into: pixels) { Bilinear.bgra(blue: $2, green: $1, red: $0) }
            case .biPlanar(let fullRange), .biPlanar10(let fullRange):
                line.mix(walk, from: start, into: pixels, YCbCrRange(colours.matrix, isFull: fullRange))
            }
            if !walk.byRows { line.copyPixels(to: target + 4 * index, stride: bytesPerRow, count: walk.pixelCount) }
        }
    }
}

/// The pixels of a line of the input, and the four texels around each of them.
private struct Line {
    let pixels: UnsafeMutablePointer<UInt32>
    /// For every pixel the texels to its upper left and upper right: three channels of eight bits from the lowest up.
    private let upper: UnsafeMutablePointer<UInt32>
    /// Those to its lower left and lower right.
    private let lower: UnsafeMutablePointer<UInt32>

    init(count: Int) {
        func buffer(_ count: Int) -> UnsafeMutablePointer<UInt32> {
            let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
            buffer.initialize(repeating: 0, count: count)
            return buffer
        }
        (pixels, upper, lower) = (buffer(count), buffer(2 * count), buffer(2 * count))
    }

    func deallocate() {
        pixels.deallocate()
        upper.deallocate()
        lower.deallocate()
    }

    /// Reads the texels around every pixel.
    @inline(never)
    func fetch<Texels: TexelSource>(_ texels: Texels, _ walk: Walk, from start: Walk.Position) {
        // Most of a line's pixels need no look at the edges.
        let inside = walk.inside(from: start)
        var position = start
        fetchBesideEdges(texels, walk, 0..<inside.lowerBound, &position)
        for pixel in inside {
            let (column, row) = (position.column, position.row)
            store(
                (texels.texel(row: row, column: column), texels.texel(row: row, column: column &+ 1)),
                (texels.texel(row: row &+ 1, column: column), texels.texel(row: row &+ 1, column: column &+ 1)), pixel)
            position.advance(walk.step)
        }
        fetchBesideEdges(texels, walk, inside.upperBound..<walk.pixelCount, &position)
    }

    /// Reads the texels around some pixels, the edge's where there are none.
    @inline(__always)
    private func fetchBesideEdges<Texels: TexelSource>(
        _ texels: Texels, _ walk: Walk, _ range: Range<Int>, _ position: inout Walk.Position
    ) {
        for pixel in range {
            let left = min(max(position.column, 0), walk.lastColumn)
            let right = min(max(position.column &+ 1, 0), walk.lastColumn)
            let above = min(max(position.row, 0), walk.lastRow)
            let below = min(max(position.row &+ 1, 0), walk.lastRow)
            store(
                (texels.texel(row: above, column: left), texels.texel(row: above, column: right)),
                (texels.texel(row: below, column: left), texels.texel(row: below, column: right)), pixel)
            position.advance(walk.step)
        }
    }

    @inline(__always)
    private func store(_ above: (UInt32, UInt32), _ below: (UInt32, UInt32), _ pixel: Int) {
        (upper[2 &* pixel], upper[2 &* pixel &+ 1]) = above
        (lower[2 &* pixel], lower[2 &* pixel &+ 1]) = below
    }

    /// Mixes the texels around every pixel; `colour` makes a pixel of the three channels.
    @inline(__always)
    func mix(
        _ walk: Walk, from start: Walk.Position, into pixels: UnsafeMutablePointer<UInt32>,
        _ colour: (Float, Float, Float) -> UInt32
    ) {
        var position = start
        for pixel in 0..<walk.pixelCount {
            let (across, down) = (position.shareAcross, position.shareDown)
            let (upperLeft, upperRight) = (upper[2 &* pixel], upper[2 &* pixel &+ 1])
            let (lowerLeft, lowerRight) = (lower[2 &* pixel], lower[2 &* pixel &+ 1])
            @inline(__always)
            func channel(_ shift: UInt32) -> Float {
                func value(_ texel: UInt32) -> Float { Float(Int32(truncatingIfNeeded: texel >> shift & 0xff)) }
                let left = value(upperLeft) + (value(lowerLeft) - value(upperLeft)) * down
                let right = value(upperRight) + (value(lowerRight) - value(upperRight)) * down
                return left + (right - left) * across
            }
            pixels[pixel] = colour(channel(0), channel(8), channel(16))
            position.advance(walk.step)
        }
    }

    /// Mixes texels of Y, Cb and Cr.
    func mix(
        _ walk: Walk, from start: Walk.Position, into pixels: UnsafeMutablePointer<UInt32>, _ range: YCbCrRange
    ) {
        mix(walk, from: start, into: pixels) {
            let colour = range.colour(luma: $0, blueDifference: $1, redDifference: $2)
            return Bilinear.bgra(blue: colour.blue, green: colour.green, red: colour.red)
        }
    }

    /// Writes pixels `stride` bytes apart.
    func copyPixels(to target: UnsafeMutableRawPointer, stride: Int, count: Int) {
        for pixel in 0..<count {
            target.storeBytes(of: pixels[pixel], toByteOffset: pixel &* stride, as: UInt32.self)
        }
    }
}

/// Reads texels of three channels.
private protocol TexelSource {
    func texel(row: Int, column: Int) -> UInt32
}

private struct PackedTexels: TexelSource {
    let plane: PixelView.Plane

    @inline(__always)
    func texel(row: Int, column: Int) -> UInt32 {
        (plane.base + row &* plane.bytesPerRow).loadUnaligned(fromByteOffset: column &* 4, as: UInt32.self)
    }
}

private struct BiPlanarTexels<Samples: BiPlanarSamples>: TexelSource {
    private let luma: PixelView.Plane
    private let chroma: PixelView.Plane

    init(_ picture: PixelView) {
        (luma, chroma) = (picture.first, picture.second)
    }

    /// Returns Y, Cb and Cr.
    @inline(__always)
    func texel(row: Int, column: Int) -> UInt32 {
        let grey = Samples.luma(luma.base + row &* luma.bytesPerRow + column &* Samples.bytes)
        let line = chroma.base + (row >> 1) &* chroma.bytesPerRow
        let colour = Samples.chroma(line + (column >> 1) &* (2 &* Samples.bytes))
        return UInt32(colour) << 8 | UInt32(grey)
    }
}

/// The way of the input's pixels through the buffer's texels.
private struct Walk {
    /// In texels, in fixed point.
    struct Position {
        static let fractionBits = 32

        var x: Int
        var y: Int

        /// Coordinates beyond `limit` become the limit.
        @inline(__always)
        init(_ exact: SIMD2<Double>, limit: Double) {
            func fixed(_ value: Double) -> Int {
                Int(min(max(value, -limit), limit) * Double(1 << Self.fractionBits))
            }
            (x, y) = (fixed(exact.x), fixed(exact.y))
        }

        @inline(__always)
        var column: Int { x >> Self.fractionBits }

        @inline(__always)
        var row: Int { y >> Self.fractionBits }

        /// How much the texels to the right count, those to the left having the rest of 1.
        @inline(__always)
        var shareAcross: Float { Self.share(x) }

        /// How much the lower texels count.
        @inline(__always)
        var shareDown: Float { Self.share(y) }

        @inline(__always)
        private static func share(_ coordinate: Int) -> Float {
            // As many bits as a Float holds.
            Float(Int32(truncatingIfNeeded: UInt32(truncatingIfNeeded: coordinate) >> 8)) * 0x1p-24
        }

        @inline(__always)
        mutating func advance(_ step: Self, times: Int = 1) {
            x &+= step.x &* times
            y &+= step.y &* times
        }
    }

    /// Whether a line is a row of the input, else it is a column.
    let byRows: Bool
    let lineCount: Int
    let pixelCount: Int
    /// What one pixel along a line adds to a position.
    let step: Position
    let lastColumn: Int
    let lastRow: Int
    private let origin: SIMD2<Double>
    private let lineStep: SIMD2<Double>

    init(
        _ picture: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect, _ input: ModelSpecification.Input
    ) {
        let map = CropTransform(from: CGSize(width: input.width, height: input.height), to: region)
        let upright = picture.uprightSize(orientation)
        // What a column and a row of the input add to each coordinate, and where its first pixel lies.
        var across = (column: map.a, row: map.c, origin: map.tx)
        var down = (column: map.b, row: map.d, origin: map.ty)
        if orientation.isReversedAcross {
            across = (-across.column, -across.row, Double(upright.width - 1) - across.origin)
        }
        if orientation.isReversedDown {
            down = (-down.column, -down.row, Double(upright.height - 1) - down.origin)
        }
        let (x, y) = orientation.swapsSides ? (down, across) : (across, down)
        origin = SIMD2(x.origin, y.origin)
        let (column, row) = (SIMD2(x.column, y.column), SIMD2(x.row, y.row))
        byRows = abs(x.column) >= abs(y.column)
        (lineCount, pixelCount) = byRows ? (input.height, input.width) : (input.width, input.height)
        lineStep = byRows ? row : column
        // Beyond this a walk of 2¹⁵ steps leaves 64 bits. No face in a camera's frame comes near.
        step = Position(byRows ? column : row, limit: 0x1p15)
        lastColumn = picture.width - 1
        lastRow = picture.height - 1
    }

    /// Returns where a line begins.
    func start(ofLine line: Int) -> Position { Position(origin + lineStep * Double(line), limit: 0x1p30) }

    /// Returns which of a line's pixels have four texels around them; as it is straight, they lie side by side.
    func inside(from start: Position) -> Range<Int> {
        let across = steps(from: start.x, step.x, below: lastColumn << Position.fractionBits)
        let down = steps(from: start.y, step.y, below: lastRow << Position.fractionBits)
        return across.clamped(to: down)
    }

    /// Returns after how many steps a coordinate is at least 0 and below an end.
    private func steps(from start: Int, _ step: Int, below end: Int) -> Range<Int> {
        guard step != 0 else { return 0..<((0..<end).contains(start) ? pixelCount : 0) }
        // A walk that falls is one that rises, seen from the other end.
        let first = step > 0 ? -start : start &- end &+ 1
        let behind = step > 0 ? end &- start : start &+ 1
        func count(_ distance: Int) -> Int {
            min(max(distance, 0).dividedRoundingUp(by: abs(step)), pixelCount)
        }
        return count(first)..<max(count(first), count(behind))
    }
}

extension Int {
    /// The quotient of two numbers that are not negative, rounded up.
    fileprivate func dividedRoundingUp(by divisor: Int) -> Int { (self &+ divisor &- 1) / divisor }
}
