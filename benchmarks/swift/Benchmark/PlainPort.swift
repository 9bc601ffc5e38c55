import BlazeFaceCore
import Foundation

/// What a straightforward port does: a sigmoid for every anchor, boxes as arrays, a sort, and non-maximum suppression
/// that compares every pair.
struct PlainPort {
    struct Box {
        let score: Float
        let rect: CGRect
        let keypoints: [CGPoint]
    }

    let specification: ModelSpecification
    let anchors: [CGPoint]

    init(_ specification: ModelSpecification) {
        self.specification = specification
        anchors = specification.grids.flatMap { grid in
            (0..<grid.rows).flatMap { row in
                (0..<grid.columns).flatMap { column in
                    let x = (Double(column) + 0.5) / Double(grid.columns)
                    let y = (Double(row) + 0.5) / Double(grid.rows)
                    return Array(repeating: CGPoint(x: x, y: y), count: grid.perCell)
                }
            }
        }
    }

    func faces(boxes: [Float], scores: [Float]) -> [Box] {
        let probabilities = scores.map { 1 / (1 + exp(-min(max($0, -100), 100))) }
        var found: [Box] = []
        for (index, score) in probabilities.enumerated() where score >= specification.minimumScore {
            let numbers = boxes[index * BoxNumbers.count..<(index + 1) * BoxNumbers.count].map {
                CGFloat($0 / specification.boxScale)
            }
            let (x, y) = (numbers[0] + anchors[index].x, numbers[1] + anchors[index].y)
            found.append(
                Box(
                    score: score,
                    rect: CGRect(x: x - numbers[2] / 2, y: y - numbers[3] / 2, width: numbers[2], height: numbers[3]),
                    keypoints: (0..<FaceKeypoints.count).map {
                        CGPoint(x: numbers[4 + 2 * $0] + anchors[index].x, y: numbers[5 + 2 * $0] + anchors[index].y)
                    }
                ))
        }
        found.sort { $0.score > $1.score }
        var kept: [Box] = []
        for box in found where !kept.contains(where: { overlap($0.rect, box.rect) > CGFloat(specification.blendingIoU) }) {
            kept.append(box)
        }
        return kept
    }

    private func overlap(_ one: CGRect, _ other: CGRect) -> CGFloat {
        let common = one.intersection(other)
        guard !common.isNull else { return 0 }
        let area = common.width * common.height
        return area / (one.width * one.height + other.width * other.height - area)
    }
}

/// A letterbox of means as one writes it down: for every pixel of the input, a loop over the texels of its area.
func plainAverages(_ picture: PixelView, side: Int) -> [Float] {
    var input = [Float](repeating: 0, count: 3 * side * side)
    let scale = Double(max(picture.width, picture.height)) / Double(side)
    let left = Double(picture.width) / 2 - scale * Double(side) / 2
    let top = Double(picture.height) / 2 - scale * Double(side) / 2
    for row in 0..<side {
        for column in 0..<side {
            let (x, y) = (left + scale * Double(column), top + scale * Double(row))
            let columns = bounds(x, scale, picture.width)
            let rows = bounds(y, scale, picture.height)
            guard !columns.isEmpty, !rows.isEmpty else { continue }
            for channel in 0..<3 {
                var sum: Float = 0
                for y in rows {
                    for x in columns {
                        let place = y * picture.first.bytesPerRow + 4 * x + channel
                        sum += Float(picture.first.base.load(fromByteOffset: place, as: UInt8.self))
                    }
                }
                input[3 * (row * side + column) + channel] = sum / Float(rows.count * columns.count) / 127.5 - 1
            }
        }
    }
    return input
}

private func bounds(_ middle: Double, _ scale: Double, _ extent: Int) -> Range<Int> {
    let low = min(max(Int(middle - scale / 2), 0), extent)
    return low..<min(max(Int(middle + scale / 2), low), extent)
}
