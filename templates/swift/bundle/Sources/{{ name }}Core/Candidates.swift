// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The anchors that see a face, decoded: memory for all anchors, allocated once.
///
/// Coordinates are relative to the model's input.
final class Candidates {
    struct Candidate {
        var score: Float = 0
        var anchor: Int32 = 0
        var left = 0.0
        var top = 0.0
        var right = 0.0
        var bottom = 0.0
        /// The anchor's row of box numbers, whose keypoints are decoded only once the candidate is part of a face.
        var numbers: UnsafePointer<Float>
        var centerX = 0.0
        var centerY = 0.0

        var area: Double { (right - left) * (bottom - top) }

        /// Whether this one comes before `other`: the higher score first, the lower anchor among equals.
        @inline(__always)
        func isBetter(than other: Candidate) -> Bool {
            score > other.score || (score == other.score && anchor < other.anchor)
        }
    }

    private let specification: ModelSpecification
    private let outputs: RawOutputs
    private let minimumScore: Float
    private let lowestLogit: Float
    let storage: UnsafeMutablePointer<Candidate>
    private(set) var count = 0

    init(_ specification: ModelSpecification, outputs: RawOutputs, minimumScore: Float) {
        self.specification = specification
        self.outputs = outputs
        self.minimumScore = minimumScore
        lowestLogit = Self.lowestLogit(for: minimumScore)
        storage = .allocate(capacity: specification.anchorCount)
    }

    deinit { storage.deallocate() }

    /// Collects the anchors whose score is at least the minimum, leaving out those with a number that is not finite
    /// or a negative size.
    func collect() {
        count = 0
        var anchor = 0
        var row = UnsafePointer(outputs.predictions.baseAddress!)
        for grid in specification.grids {
            // Comparing logits spares a sigmoid for all but the few that pass. NaN compares false.
            for index in 0..<grid.anchorCount {
                if row[BoxNumbers.count] >= lowestLogit { add(row, anchor: anchor, grid, index) }
                row += BoxNumbers.rowLength
                anchor += 1
            }
        }
    }

    private func add(_ numbers: UnsafePointer<Float>, anchor: Int, _ grid: ModelSpecification.Grid, _ index: Int) {
        let clip = Double(specification.scoreClip)
        let score = Float(1 / (1 + exp(-min(max(Double(numbers[BoxNumbers.count]), -clip), clip))))
        guard score >= minimumScore, numbers[2] >= 0, numbers[3] >= 0, Self.areFinite(numbers) else { return }
        let (line, column) = (index / grid.perCell).quotientAndRemainder(dividingBy: grid.columns)
        let centerX = (Double(column) + 0.5) / Double(grid.columns)
        let centerY = (Double(line) + 0.5) / Double(grid.rows)
        let scale = 1 / Double(specification.boxScale)
        let x = Double(numbers[0]) * scale + centerX
        let y = Double(numbers[1]) * scale + centerY
        let halfWidth = Double(numbers[2]) * scale / 2
        let halfHeight = Double(numbers[3]) * scale / 2
        (storage + count).initialize(
            to: Candidate(
                score: score,
                anchor: Int32(anchor),
                left: x - halfWidth,
                top: y - halfHeight,
                right: x + halfWidth,
                bottom: y + halfHeight,
                numbers: numbers,
                centerX: centerX,
                centerY: centerY
            ))
        count += 1
    }

    private static func areFinite(_ numbers: UnsafePointer<Float>) -> Bool {
        // 0 · x is 0 for a finite x and NaN otherwise.
        var sum: Float = 0
        for index in 0..<BoxNumbers.count { sum += numbers[index] * 0 }
        return sum == 0
    }

    /// Returns a logit that no anchor of at least `score` lies below: a little less than the score's own, so that
    /// rounding cannot lose one, and never beyond where the score rounds to 1.
    private static func lowestLogit(for score: Float) -> Float {
        guard score > 0 else { return -.infinity }
        let highest = 16.0
        guard score < 1 else { return Float(highest) }
        let share = Double(score)
        return Float(min(log(share / (1 - share)), highest) - 1e-3)
    }

    /// Moves the best of the candidates from `start` on to `start`.
    func bringBest(to start: Int) {
        var best = start
        for index in (start + 1)..<max(start + 1, count) where storage[index].isBetter(than: storage[best]) {
            best = index
        }
        exchange(start, best)
    }

    func exchange(_ one: Int, _ other: Int) {
        guard one != other else { return }
        let kept = storage[one]
        storage[one] = storage[other]
        storage[other] = kept
    }
}
