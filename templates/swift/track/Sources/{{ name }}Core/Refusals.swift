// SPDX-License-Identifier: Apache-2.0

/// Places where the detector sees a face and the landmark model does not: they wait behind the others.
struct Refusals: Sendable {
    let associationIoU: Double
    /// The one refused longest ago first.
    private var places: [RotatedRect] = []

    init(associationIoU: Double) {
        self.associationIoU = associationIoU
    }

    /// Sorts candidates in the order to try them: never refused, as they come; then those refused longest ago.
    func sort<Candidate>(_ candidates: inout [Candidate], by region: (Candidate) -> RotatedRect) {
        if places.isEmpty { return }
        let ranked = candidates.enumerated().map { (rank: rank(region($1)), index: $0, candidate: $1) }
        candidates = ranked.sorted { ($0.rank, $0.index) < ($1.rank, $1.index) }.map(\.candidate)
    }

    /// Remembers what was refused, and of the older places those where a candidate went untried in this frame.
    mutating func update(refused: [RotatedRect], untried: [RotatedRect]) {
        // The closure must not look at self, which is being changed.
        let limit = associationIoU
        places.removeAll { place in !untried.contains { place.similarity(to: $0) > limit } }
        places.append(contentsOf: refused)
    }

    mutating func clear() {
        places.removeAll()
    }

    private func rank(_ region: RotatedRect) -> Int {
        places.lastIndex { isOne($0, region) } ?? -1
    }

    private func isOne(_ one: RotatedRect, _ other: RotatedRect) -> Bool {
        one.similarity(to: other) > associationIoU
    }
}
