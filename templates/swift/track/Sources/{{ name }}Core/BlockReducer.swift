// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Makes a smaller picture of the part that a region needs: the means of blocks of texels, turned upright.
///
/// Keeps its memory between pictures. Not thread-safe.
final class BlockReducer {
    private let reducer = AreaReducer()
    private var texels: UnsafeMutableBufferPointer<UInt32> = .allocate(capacity: 0)

    deinit { texels.deallocate() }

    /// Returns the smaller picture, whose texels have the channels in the order of `picture`'s format, or Y, Cb and Cr, and
    /// the region in it; nil where the region is not reduced by more than 1.5. Valid until the next call.
    ///
    /// Blocks begin at the upright picture's upper left corner; those at its other edges may be smaller.
    func reduce(
        _ picture: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect, _ input: ModelSpecification.Input
    ) -> (PixelView, RotatedRect)? {
        let scale = min(
            Double(region.size.width) / Double(input.width), Double(region.size.height) / Double(input.height))
        guard scale > AreaAxis.least else { return nil }
        let block = scale + 0.5 < Double(AreaAxis.most) ? Int(scale + 0.5) : AreaAxis.most
        let upright = picture.uprightSize(orientation)
        let half = hypot(Double(region.size.width), Double(region.size.height)) / 2 + Double(2 * block)
        func span(_ middle: Double, _ extent: Int) -> ClosedRange<Int> {
            let last = Double((extent - 1) / block)
            func place(_ side: Double) -> Int { Int(min(max((middle + side) / Double(block), 0), last)) }
            return place(-half)...place(half)
        }
        let (x, y) = (span(Double(region.center.x), upright.width), span(Double(region.center.y), upright.height))
        let swaps = orientation.swapsSides
        let (across, down) = swaps ? (reducer.rows, reducer.columns) : (reducer.columns, reducer.rows)
        across.layBlocks(
            block, from: x.lowerBound, count: x.count, extent: upright.width, isReversed: orientation.isReversedAcross)
        down.layBlocks(
            block, from: y.lowerBound, count: y.count, extent: upright.height, isReversed: orientation.isReversedDown)
        writeMeans(picture, lineStep: swaps ? 1 : x.count, cellStep: swaps ? x.count : 1, x.count * y.count)
        let plane = PixelView.Plane(base: UnsafeRawPointer(texels.baseAddress!), bytesPerRow: 4 * x.count)
        guard let made = try? PixelView(format: .bgra, width: x.count, height: y.count, first: plane)
        else { return nil }
        func place(_ middle: Double, _ first: Int) -> Double {
            (middle - Double(block - 1) / 2) / Double(block) - Double(first)
        }
        let center = CGPoint(
            x: place(Double(region.center.x), x.lowerBound), y: place(Double(region.center.y), y.lowerBound))
        let size = CGSize(
            width: Double(region.size.width) / Double(block), height: Double(region.size.height) / Double(block))
        return (made, RotatedRect(center: center, size: size, rotationDegrees: region.rotationDegrees))
    }

    private func writeMeans(_ picture: PixelView, lineStep: Int, cellStep: Int, _ count: Int) {
        if texels.count < count {
            texels.deallocate()
            texels = .allocate(capacity: count)
            texels.initialize(repeating: 0)
        }
        reducer.forEachLine(picture) { line, sums in
            let rowExtent = UInt32(reducer.rows.spans[line].extent)
            for cell in reducer.columns.spans.indices {
                let count = rowExtent &* UInt32(reducer.columns.spans[cell].extent)
                let means = (sums[cell] &* 2 &+ AreaReducer.Sums(repeating: count)) / (2 &* count)
                texels[line &* lineStep &+ cell &* cellStep] = means.x | means.y << 8 | means.z << 16
            }
        }
    }
}
