// SPDX-License-Identifier: Apache-2.0

/// How large pictures become the models' small inputs.
public enum Sampling: String, Sendable, Hashable, CaseIterable {
    /// Where a picture is reduced by more than 1.5, the mean of all pixels that one of the input covers: the noise of the
    /// camera is averaged away, and faces that stay still stay still.
    case area
    /// Four pixels for each of the input, as MediaPipe takes them.
    case point
}

/// Which part of an axis a pixel of the input covers, in texels of 2 to the power of some bits.
struct AreaSpan {
    var begin = 0
    var end = 0

    /// Whether the pixel does not show the picture.
    var isOutside: Bool { begin == end }

    var extent: Int { end &- begin }

    /// How much of a texel it has.
    @inline(__always)
    func parts(of texel: Int, _ bits: Int) -> Int {
        min(end, (texel &+ 1) &<< bits) &- max(begin, texel &<< bits)
    }
}

/// The spans along one axis of a buffer, in the order of the upright picture.
final class AreaAxis {
    /// So many texels a pixel are averaged at least, and so many at most: sums of parts of bytes then fit 16 bits.
    static let least = 1.5
    static let most = 256

    private(set) var spans: [AreaSpan] = []
    private(set) var bits = 0
    /// Whether the first span lies at the end of the buffer's axis.
    private(set) var isReversed = false
    /// The texels that the spans have, from an even one on.
    private(set) var texels = 0..<0

    /// How many of the buffer's samples are read for `texels`, where `samples` texels share one.
    func sampleCount(_ samples: Int) -> Int { (texels.count + samples - 1) / samples }

    /// Tells whether `longest` texels that become `cells` pixels are reduced so much that averages are taken.
    static func isAveraged(_ longest: Int, _ cells: Int) -> Bool {
        2 * longest > 3 * cells && longest <= most * cells
    }

    /// Lays the areas of `count` pixels around the middle of `extent` texels, each `longest` / `cells` texels wide.
    ///
    /// Corner to corner, as in `LetterboxSampler`; worked out with integers, so that every language gives the same.
    func layLetterbox(_ count: Int, extent: Int, longest: Int, cells: Int, isReversed: Bool) {
        bits = 7
        while bits > 0, longest << bits > Self.most * cells { bits -= 1 }
        func edge(_ position: Int) -> Int {
            let value = position << bits + cells
            let (quotient, remainder) = value.quotientAndRemainder(dividingBy: 2 * cells)
            return min(max(remainder < 0 ? quotient - 1 : quotient, 0), extent << bits)
        }
        fill(count, extent, isReversed) { index in
            // In units of 1 / (2 · cells) texels.
            let middle = cells * (extent + 1) + longest * (2 * index - count)
            guard (0..<2 * cells * extent).contains(middle) else { return AreaSpan() }
            return AreaSpan(begin: edge(middle - longest), end: edge(middle + longest))
        }
    }

    /// Lays blocks of `block` texels, those of the upright axis from `first` on; the last one may be smaller.
    func layBlocks(_ block: Int, from first: Int, count: Int, extent: Int, isReversed: Bool) {
        bits = 0
        fill(count, extent, isReversed) {
            let begin = (first + $0) * block
            return AreaSpan(begin: begin, end: min(begin + block, extent))
        }
    }

    private func fill(_ count: Int, _ extent: Int, _ isReversed: Bool, _ span: (Int) -> AreaSpan) {
        self.isReversed = isReversed
        let all = extent << bits
        var (lowest, highest) = (all, 0)
        spans.removeAll(keepingCapacity: true)
        for index in 0..<count {
            var found = span(index)
            if !found.isOutside {
                if isReversed { found = AreaSpan(begin: all - found.end, end: all - found.begin) }
                (lowest, highest) = (min(lowest, found.begin), max(highest, found.end))
            }
            spans.append(found)
        }
        let first = lowest >> bits & ~1
        texels = first..<max((highest + 1 << bits - 1) >> bits, first)
    }
}

/// Sums of a plane's rows, weighted with the parts of them that an area has; each row is read once.
///
/// A row in which an area ends and the next one begins goes into both at the same time.
final class RowSums {
    private(set) var sums: UnsafeMutablePointer<UInt16>
    private var next: UnsafeMutablePointer<UInt16>
    private var capacity = 16
    private var isCarried = false

    init() {
        (sums, next) = (Self.allocate(16), Self.allocate(16))
    }

    deinit {
        sums.deallocate()
        next.deallocate()
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<UInt16> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 2 * count, alignment: 64)
        return memory.initializeMemory(as: UInt16.self, repeating: 0, count: count)
    }

    /// Begins another picture, of whose rows `count` samples are read.
    func begin(_ count: Int) {
        isCarried = false
        guard count > capacity else { return }
        sums.deallocate()
        next.deallocate()
        (sums, next, capacity) = (Self.allocate(count), Self.allocate(count), count)
    }

    /// Sums the rows of a span, which lies before the span `following`, where there is one.
    func sum<Row: RowSamples>(
        _ plane: UnsafeRawPointer, _ bytesPerRow: Int, _ row: Row.Type, _ count: Int, _ span: AreaSpan,
        before following: AreaSpan?, _ bits: Int
    ) {
        var at = span.begin >> bits
        let last = (span.end - 1) >> bits
        func place(_ row: Int) -> UnsafeRawPointer { plane + row * bytesPerRow }
        func part(_ row: Int) -> UInt16 { UInt16(truncatingIfNeeded: span.parts(of: row, bits)) }
        if isCarried {
            swap(&sums, &next)
        } else {
            Self.set(sums, place(at), row, part(at), count)
        }
        isCarried = false
        at += 1
        while at + 3 < last {
            Self.addFour(sums, place(at), bytesPerRow, row, part(at), count)
            at += 4
        }
        while at < last {
            Self.add(sums, place(at), row, part(at), count)
            at += 1
        }
        guard at == last else { return }
        if let following, !following.isOutside, following.begin >> bits == last {
            let share = UInt16(truncatingIfNeeded: following.parts(of: last, bits))
            Self.add(sums, place(last), row, part(last), and: next, share, count)
            isCarried = true
        } else {
            Self.add(sums, place(last), row, part(last), count)
        }
    }

    private static func set<Row: RowSamples>(
        _ sums: UnsafeMutablePointer<UInt16>, _ row: UnsafeRawPointer, _: Row.Type, _ part: UInt16, _ count: Int
    ) {
        for index in 0..<count { sums[index] = UInt16(Row.sample(row, index)) &* part }
    }

    private static func add<Row: RowSamples>(
        _ sums: UnsafeMutablePointer<UInt16>, _ row: UnsafeRawPointer, _: Row.Type, _ part: UInt16, _ count: Int
    ) {
        for index in 0..<count { sums[index] &+= UInt16(Row.sample(row, index)) &* part }
    }

    private static func add<Row: RowSamples>(
        _ sums: UnsafeMutablePointer<UInt16>, _ row: UnsafeRawPointer, _: Row.Type, _ part: UInt16,
        and next: UnsafeMutablePointer<UInt16>, _ share: UInt16, _ count: Int
    ) {
        for index in 0..<count {
            let sample = UInt16(Row.sample(row, index))
            sums[index] &+= sample &* part
            next[index] = sample &* share
        }
    }

    /// Adds four rows that count the same: the sums are read and written less often.
    private static func addFour<Row: RowSamples>(
        _ sums: UnsafeMutablePointer<UInt16>, _ row: UnsafeRawPointer, _ bytesPerRow: Int, _: Row.Type, _ part: UInt16,
        _ count: Int
    ) {
        let (second, third, fourth) = (row + bytesPerRow, row + 2 * bytesPerRow, row + 3 * bytesPerRow)
        for index in 0..<count {
            let upper = UInt16(Row.sample(row, index)) &+ UInt16(Row.sample(second, index))
            let lower = UInt16(Row.sample(third, index)) &+ UInt16(Row.sample(fourth, index))
            sums[index] &+= (upper &+ lower) &* part
        }
    }
}

/// How the samples of a row follow each other.
protocol RowSamples {
    static func sample(_ row: UnsafeRawPointer, _ index: Int) -> UInt8
}

enum ByteRow: RowSamples {
    @inline(__always)
    static func sample(_ row: UnsafeRawPointer, _ index: Int) -> UInt8 {
        row.load(fromByteOffset: index, as: UInt8.self)
    }
}

/// Little-endian 16-bit words, of which the upper byte is used.
enum WordRow: RowSamples {
    @inline(__always)
    static func sample(_ row: UnsafeRawPointer, _ index: Int) -> UInt8 {
        row.load(fromByteOffset: 2 &* index &+ 1, as: UInt8.self)
    }
}
