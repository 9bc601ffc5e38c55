// SPDX-License-Identifier: Apache-2.0

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
        let texels = UnsafeRawPointer(first.sums) - 8 * left
        columns.spans.withUnsafeBufferPointer { spans in
            for column in spans.indices where !spans[column].isOutside {
                let four = sum(of: spans[column], columns.bits) {
                    let texel = texels.load(fromByteOffset: 8 &* $0, as: UInt64.self)
                    return Lanes(even: texel & Lanes.mask, odd: texel >> 16 & Lanes.mask)
                }
                sums[column] = four.sums
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
        let (luma, chroma) = (first.sums - left, UnsafeRawPointer(second.sums) - 4 * (left / 2))
        columns.spans.withUnsafeBufferPointer { spans in
            for column in spans.indices where !spans[column].isOutside {
                let grey = sum(of: spans[column], columns.bits) { Lanes(even: UInt64(luma[$0]), odd: 0) }
                let colour = sum(of: spans[column], columns.bits + 1) {
                    let pair = UInt64(chroma.load(fromByteOffset: 4 &* $0, as: UInt32.self))
                    return Lanes(even: (pair | pair << 16) & Lanes.mask, odd: 0)
                }
                let (blue, red) = (colour.sums.x, colour.sums.z)
                sums[column] = SIMD4(grey.sums.x, blue, red, 0)
            }
        }
    }

    /// Returns the sum of a span's texels, each with the part that the span has of it.
    @inline(__always)
    private func sum(of span: AreaSpan, _ bits: Int, _ texel: (Int) -> Lanes) -> Lanes {
        let (first, last) = (span.begin >> bits, (span.end &- 1) >> bits)
        var whole = Lanes(even: 0, odd: 0)
        var index = first &+ 1
        while index < last {
            whole.add(texel(index), 1)
            index &+= 1
        }
        whole = Lanes(even: whole.even << UInt64(bits), odd: whole.odd << UInt64(bits))
        whole.add(texel(first), span.parts(of: first, bits))
        if last > first { whole.add(texel(last), span.parts(of: last, bits)) }
        return whole
    }
}

/// Four sums of 32 bits, two in a number: with those, plain arithmetic does two at once on every processor.
private struct Lanes {
    // Computed, as the compiler does not see through a constant that it would have to make at first use.
    @inline(__always)
    static var mask: UInt64 { 0x0000_ffff_0000_ffff }

    /// The first and the third.
    var even: UInt64
    /// The second and the fourth.
    var odd: UInt64

    @inline(__always)
    mutating func add(_ other: Lanes, _ part: Int) {
        let part = UInt64(truncatingIfNeeded: part)
        even &+= other.even &* part
        odd &+= other.odd &* part
    }

    var sums: AreaReducer.Sums {
        SIMD4(
            UInt32(truncatingIfNeeded: even), UInt32(truncatingIfNeeded: odd), UInt32(truncatingIfNeeded: even >> 32),
            UInt32(truncatingIfNeeded: odd >> 32))
    }
}
