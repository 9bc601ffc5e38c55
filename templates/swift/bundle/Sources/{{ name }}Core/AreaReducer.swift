import Foundation

/// Sums the texels in the cells of a grid over a picture, three channels each, row by row of the buffer.
///
/// Keeps its memory between pictures. Not thread-safe.
final class AreaReducer {
    /// Sums of one cell: the three channels in memory's order, or Y, Cb and Cr.
    typealias Sums = SIMD4<UInt32>

    let columns = AreaAxis()
    let rows = AreaAxis()
    private let first = RowSums()
    private let second = RowSums()
    private var sums: [Sums] = []

    /// Calls `body` for every line of cells along the buffer's rows: with its index in the upright picture's order, and
    /// the sums of its cells.
    func forEachLine(_ picture: PixelView, _ body: (Int, UnsafePointer<Sums>) -> Void) {
        let isPacked = !picture.format.isBiPlanar
        first.begin(isPacked ? 4 * columns.texels.count : columns.texels.count)
        second.begin(isPacked ? 0 : 2 * columns.sampleCount(2))
        if sums.count < columns.spans.count { sums = Array(repeating: .zero, count: columns.spans.count) }
        for position in rows.spans.indices {
            let index = rows.isReversed ? rows.spans.count - 1 - position : position
            let following = rows.isReversed ? index - 1 : index + 1
            guard !rows.spans[index].isOutside else { continue }
            let next = rows.spans.indices.contains(following) ? rows.spans[following] : nil
            sums.withUnsafeMutableBufferPointer { sums in
                switch picture.format {
                case .bgra, .rgba: sumPacked(picture, rows.spans[index], next, into: sums.baseAddress!)
                case .biPlanar: sumBiPlanar(picture, ByteRow.self, 1, rows.spans[index], next, into: sums.baseAddress!)
                case .biPlanar10:
                    sumBiPlanar(picture, WordRow.self, 2, rows.spans[index], next, into: sums.baseAddress!)
                }
                body(index, UnsafePointer(sums.baseAddress!))
            }
        }
    }

    private func sumPacked(
        _ picture: PixelView, _ row: AreaSpan, _ next: AreaSpan?, into sums: UnsafeMutablePointer<Sums>
    ) {
        let left = columns.texels.lowerBound
        first.sum(
            picture.first.base + 4 * left, picture.first.bytesPerRow, ByteRow.self, 4 * columns.texels.count, row,
            before: next, rows.bits)
        let texels = UnsafeRawPointer(first.sums)
        columns.spans.withUnsafeBufferPointer { spans in
            for column in spans.indices where !spans[column].isOutside {
                sums[column] = sum(of: spans[column], columns.bits) {
                    let texel = texels.load(fromByteOffset: 8 &* ($0 &- left), as: SIMD4<UInt16>.self)
                    return SIMD4<UInt32>(truncatingIfNeeded: texel)
                }
            }
        }
    }

    private func sumBiPlanar<Row: RowSamples>(
        _ picture: PixelView, _ samples: Row.Type, _ bytes: Int, _ row: AreaSpan, _ next: AreaSpan?,
        into sums: UnsafeMutablePointer<Sums>
    ) {
        let left = columns.texels.lowerBound
        first.sum(
            picture.first.base + bytes * left, picture.first.bytesPerRow, samples, columns.texels.count, row,
            before: next, rows.bits)
        // Two by two texels share a pair of Cb and Cr: to those the same span has texels of twice as many parts.
        second.sum(
            picture.second.base + bytes * left, picture.second.bytesPerRow, samples, 2 * columns.sampleCount(2), row,
            before: next, rows.bits + 1)
        let (luma, chroma) = (first.sums - left, UnsafeRawPointer(second.sums))
        columns.spans.withUnsafeBufferPointer { spans in
            for column in spans.indices where !spans[column].isOutside {
                let grey = sum(of: spans[column], columns.bits) { SIMD2(UInt32(luma[$0]), 0) }
                let colour = sum(of: spans[column], columns.bits + 1) {
                    let pair = chroma.load(fromByteOffset: 4 &* ($0 &- left / 2), as: SIMD2<UInt16>.self)
                    return SIMD2<UInt32>(truncatingIfNeeded: pair)
                }
                sums[column] = SIMD4(grey.x, colour.x, colour.y, 0)
            }
        }
    }

    /// Returns the sum of a span's texels, each with the part that the span has of it.
    @inline(__always)
    private func sum<Vector: SIMD>(of span: AreaSpan, _ bits: Int, _ texel: (Int) -> Vector) -> Vector
    where Vector.Scalar == UInt32 {
        let (first, last) = (span.begin >> bits, (span.end &- 1) >> bits)
        var whole = Vector.zero
        var index = first &+ 1
        while index < last {
            whole &+= texel(index)
            index &+= 1
        }
        func part(_ index: Int) -> Vector { Vector(repeating: UInt32(truncatingIfNeeded: span.parts(of: index, bits))) }
        whole = whole &<< Vector(repeating: UInt32(truncatingIfNeeded: bits)) &+ texel(first) &* part(first)
        return last > first ? whole &+ texel(last) &* part(last) : whole
    }
}
