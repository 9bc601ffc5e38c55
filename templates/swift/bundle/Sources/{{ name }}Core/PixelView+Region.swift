// SPDX-License-Identifier: Apache-2.0

import Foundation

extension PixelView {
    /// Returns the part of the picture that holds a region, and where that is in the upright picture, in pixels.
    ///
    /// The part begins and ends at even pixels, where those of colour do.
    ///
    /// - Parameter region: Relative to the upright picture, within it and with an area.
    /// - Throws: `FaceDetectorError.invalidImageSize` if the picture has no pixels there.
    package func cropped(to region: CGRect, _ orientation: FrameOrientation) throws -> (view: PixelView, part: CGRect) {
        let stored = orientation.stored(region)
        func pixels(_ low: CGFloat, _ high: CGFloat, _ count: Int) -> Range<Int> {
            let first = min(max(Int((low * CGFloat(count)).rounded(.down)), 0), count - 1) / 2 * 2
            let end = min((Int((high * CGFloat(count)).rounded(.up)) + 1) / 2 * 2, count)
            return first..<max(end, first + 1)
        }
        let columns = pixels(stored.minX, stored.maxX, width)
        let rows = pixels(stored.minY, stored.maxY, height)
        let bytesAcross = format.isBiPlanar ? format.bytesPerSample : 4
        let view = try PixelView(
            format: format, width: columns.count, height: rows.count,
            first: Plane(
                base: first.base + rows.lowerBound * first.bytesPerRow + columns.lowerBound * bytesAcross,
                bytesPerRow: first.bytesPerRow),
            chroma: format.isBiPlanar
                ? Plane(
                    base: second.base + rows.lowerBound / 2 * second.bytesPerRow
                        + columns.lowerBound * format.bytesPerSample,
                    bytesPerRow: second.bytesPerRow) : nil,
            matrix: matrix)
        let taken = CGRect(
            x: CGFloat(columns.lowerBound) / CGFloat(width), y: CGFloat(rows.lowerBound) / CGFloat(height),
            width: CGFloat(columns.count) / CGFloat(width), height: CGFloat(rows.count) / CGFloat(height))
        let upright = orientation.upright(taken)
        let size = uprightSize(orientation)
        return (
            view,
            CGRect(
                x: upright.minX * CGFloat(size.width), y: upright.minY * CGFloat(size.height),
                width: upright.width * CGFloat(size.width), height: upright.height * CGFloat(size.height))
        )
    }
}

extension FrameOrientation {
    /// Returns where a rectangle of the upright picture is in the stored one; both relative to it.
    fileprivate func stored(_ rect: CGRect) -> CGRect {
        let x = mirrored ? 1 - rect.maxX : rect.minX
        switch rotation {
        case .none: return CGRect(x: x, y: rect.minY, width: rect.width, height: rect.height)
        case .right: return CGRect(x: rect.minY, y: 1 - x - rect.width, width: rect.height, height: rect.width)
        case .half: return CGRect(x: 1 - x - rect.width, y: 1 - rect.maxY, width: rect.width, height: rect.height)
        case .left: return CGRect(x: 1 - rect.maxY, y: x, width: rect.height, height: rect.width)
        }
    }

    /// Returns where a rectangle of the stored picture is in the upright one; both relative to it.
    fileprivate func upright(_ rect: CGRect) -> CGRect {
        let turned: CGRect
        switch rotation {
        case .none: turned = rect
        case .right: turned = CGRect(x: 1 - rect.maxY, y: rect.minX, width: rect.height, height: rect.width)
        case .half: turned = CGRect(x: 1 - rect.maxX, y: 1 - rect.maxY, width: rect.width, height: rect.height)
        case .left: turned = CGRect(x: rect.minY, y: 1 - rect.maxX, width: rect.height, height: rect.width)
        }
        guard mirrored else { return turned }
        return CGRect(x: 1 - turned.maxX, y: turned.minY, width: turned.width, height: turned.height)
    }
}
