// SPDX-License-Identifier: Apache-2.0

/// Turns, mirrors, letterboxes and scales a picture into the model's input in one pass.
///
/// Where the picture is reduced enough, and `sampling` asks for it, an input pixel is the mean of all texels in its area.
/// Elsewhere:
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

        init(_ picture: PixelView, _ orientation: FrameOrientation) {
            (format, width, height) = (picture.format, picture.width, picture.height)
            (bytesPerRow, chromaBytesPerRow) = (picture.first.bytesPerRow, picture.second.bytesPerRow)
            self.orientation = orientation
        }
    }

    private let input: ModelSpecification.Input
    private let sampling: Sampling
    private let reducer = AreaReducer()
    private var areasKey: Key?
    private let columns: UnsafeMutableBufferPointer<Tap>
    private let rows: UnsafeMutableBufferPointer<Tap>
    private var key: Key?

    package init(input: ModelSpecification.Input, sampling: Sampling = .area) {
        self.input = input
        self.sampling = sampling
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
        if sampling == .area, sampleAreas(picture, orientation, into: target, bytesPerRow: bytesPerRow) {
            return letterbox
        }
        prepareTables(picture, orientation, letterbox)
        for row in 0..<input.height {
            let line = (target + row * bytesPerRow).assumingMemoryBound(to: UInt32.self)
            let tap = rows[row]
            if tap.isOutside {
                line.update(repeating: Bilinear.black, count: input.width)
                continue
            }
            switch picture.format {
            case .bgra: samplePacked(picture, tap, into: line, swapped: false)
            case .rgba: samplePacked(picture, tap, into: line, swapped: true)
            case .biPlanar(let fullRange):
                sampleBiPlanar(
                    picture, tap, into: line, YCbCrRange(picture.matrix, isFull: fullRange), BiPlanarBytes.self)
            case .biPlanar10(let fullRange):
                sampleBiPlanar(
                    picture, tap, into: line, YCbCrRange(picture.matrix, isFull: fullRange), BiPlanarWords.self)
            }
        }
        return letterbox
    }

    /// Writes means over areas; false where the picture is not reduced enough for them.
    private func sampleAreas(
        _ picture: PixelView, _ orientation: FrameOrientation, into target: UnsafeMutableRawPointer, bytesPerRow: Int
    ) -> Bool {
        let upright = picture.uprightSize(orientation)
        let isWide = upright.width * input.height >= upright.height * input.width
        let (longest, cells) = isWide ? (upright.width, input.width) : (upright.height, input.height)
        guard AreaAxis.isAveraged(longest, cells) else { return false }
        let swaps = orientation.swapsSides
        let now = Key(picture, orientation)
        if now != areasKey {
            areasKey = now
            let (across, down) = swaps ? (reducer.rows, reducer.columns) : (reducer.columns, reducer.rows)
            across.layLetterbox(
                input.width, extent: upright.width, longest: longest, cells: cells,
                isReversed: orientation.isReversedAcross)
            down.layLetterbox(
                input.height, extent: upright.height, longest: longest, cells: cells,
                isReversed: orientation.isReversedDown)
        }
        for row in 0..<input.height {
            (target + row * bytesPerRow).assumingMemoryBound(to: UInt32.self)
                .update(repeating: Bilinear.black, count: input.width)
        }
        // A line of cells is a column of the input where the picture lies on its side.
        let (lineStep, cellStep) = swaps ? (4, bytesPerRow) : (bytesPerRow, 4)
        switch picture.format {
        case .bgra:
            writeMeans(picture, target, lineStep, cellStep) {
                Bilinear.bgra(blue: $0.x, green: $0.y, red: $0.z)
            }
        case .rgba:
            writeMeans(picture, target, lineStep, cellStep) {
                Bilinear.bgra(blue: $0.z, green: $0.y, red: $0.x)
            }
        case .biPlanar(let fullRange), .biPlanar10(let fullRange):
            let range = YCbCrRange(picture.matrix, isFull: fullRange)
            writeMeans(picture, target, lineStep, cellStep) {
                let colour = range.colour(luma: $0.x, blueDifference: $0.y, redDifference: $0.z)
                return Bilinear.bgra(blue: colour.blue, green: colour.green, red: colour.red)
            }
        }
        return true
    }

    @inline(__always)
    private func writeMeans(
        _ picture: PixelView, _ target: UnsafeMutableRawPointer, _ lineStep: Int, _ cellStep: Int,
        _ colour: (SIMD4<Float>) -> UInt32
    ) {
        reducer.forEachLine(picture) { line, sums in
            let share = 1 / Float(reducer.rows.spans[line].extent)
            let row = target + line * lineStep
            reducer.columns.spans.withUnsafeBufferPointer { spans in
                for cell in spans.indices where !spans[cell].isOutside {
                    let sums = SIMD4<Float>(SIMD4<Int32>(truncatingIfNeeded: sums[cell]))
                    let means = sums * (share / Float(spans[cell].extent))
                    row.storeBytes(of: colour(means), toByteOffset: cell &* cellStep, as: UInt32.self)
                }
            }
        }
    }

    private func samplePacked(
        _ picture: PixelView, _ row: Tap, into line: UnsafeMutablePointer<UInt32>, swapped: Bool
    ) {
        let near = picture.first.base + row.near
        let far = picture.first.base + row.far
        for column in 0..<input.width {
            let tap = columns[column]
            line[column] = Bilinear.packed(
                near.loadUnaligned(fromByteOffset: tap.near, as: UInt32.self),
                near.loadUnaligned(fromByteOffset: tap.far, as: UInt32.self),
                far.loadUnaligned(fromByteOffset: tap.near, as: UInt32.self),
                far.loadUnaligned(fromByteOffset: tap.far, as: UInt32.self),
                row.weights(with: tap),
                swapped: swapped
            )
        }
    }

    @inline(__always)
    private func sampleBiPlanar<Samples: BiPlanarSamples>(
        _ picture: PixelView, _ row: Tap, into line: UnsafeMutablePointer<UInt32>, _ range: YCbCrRange,
        _ samples: Samples.Type
    ) {
        let near = picture.first.base + row.near
        let far = picture.first.base + row.far
        let chromaNear = picture.second.base + row.chromaNear
        let chromaFar = picture.second.base + row.chromaFar
        for column in 0..<input.width {
            let tap = columns[column]
            let weights = row.weights(with: tap)
            let luma = Bilinear.sum(
                Int32(Samples.luma(near + tap.near)),
                Int32(Samples.luma(near + tap.far)),
                Int32(Samples.luma(far + tap.near)),
                Int32(Samples.luma(far + tap.far)),
                weights
            )
            let a = Samples.chroma(chromaNear + tap.chromaNear)
            let b = Samples.chroma(chromaNear + tap.chromaFar)
            let c = Samples.chroma(chromaFar + tap.chromaNear)
            let d = Samples.chroma(chromaFar + tap.chromaFar)
            line[column] = range.bgra(
                luma: luma,
                blueDifference: Bilinear.sum(
                    Int32(a & 0xff), Int32(b & 0xff), Int32(c & 0xff), Int32(d & 0xff), weights),
                redDifference: Bilinear.sum(Int32(a >> 8), Int32(b >> 8), Int32(c >> 8), Int32(d >> 8), weights),
                inside: weights.sum
            )
        }
    }

    private func prepareTables(_ picture: PixelView, _ orientation: FrameOrientation, _ letterbox: Letterbox) {
        let now = Key(picture, orientation)
        guard now != key else { return }
        key = now
        var lumaStep = 4
        var chromaStep = 0
        switch picture.format {
        case .bgra, .rgba: break
        case .biPlanar, .biPlanar10:
            lumaStep = picture.format.bytesPerSample
            chromaStep = 2 * lumaStep
        }
        let alongRow = Axis(count: picture.width, step: lumaStep, chromaStep: chromaStep)
        let alongColumn = Axis(
            count: picture.height,
            step: picture.first.bytesPerRow,
            chromaStep: chromaStep == 0 ? 0 : picture.second.bytesPerRow
        )
        var across = orientation.swapsSides ? alongColumn : alongRow
        var down = orientation.swapsSides ? alongRow : alongColumn
        across.isReversed = orientation.isReversedAcross
        down.isReversed = orientation.isReversedDown
        across.fill(columns, extent: letterbox.width)
        down.fill(rows, extent: letterbox.height)
    }
}

/// The two texels around an input pixel along one axis.
private struct Tap {
    var near = 0
    var far = 0
    var chromaNear = 0
    var chromaFar = 0
    var nearWeight: UInt32 = 0
    var farWeight: UInt32 = 0

    var isOutside: Bool { nearWeight == 0 && farWeight == 0 }

    /// The weights of the four texels where this row crosses a column.
    @inline(__always)
    func weights(with column: Tap) -> Bilinear.Weights {
        Bilinear.Weights(
            nearRow: nearWeight, farRow: farWeight, near: column.nearWeight, far: column.farWeight)
    }
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
            let one = 1 << Bilinear.bits
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
