// SPDX-License-Identifier: Apache-2.0

/// What the landmark model found in a crop.
struct Sighting: Sendable {
    let crop: RotatedRect
    var landmarks: Landmarks
    /// Where to look for the face in the next frame.
    let nextRegion: RotatedRect

    init(_ landmarks: Landmarks, in crop: RotatedRect, _ rule: LandmarkSpecification.Region) {
        self.crop = crop
        self.landmarks = landmarks
        nextRegion = RotatedRect(around: landmarks.points, rule)
    }
}

/// A face's landmarks and how they move, in memory allocated once.
struct Motion: Sendable {
    /// What stands for a distance beyond all measure, and for one that is not a number.
    private static let farthest = 1e6

    private var time: Double?
    /// In pixels.
    private var points: [SIMD3<Float>]
    /// In pixels a second.
    private var speeds: [SIMD3<Float>]

    init(count: Int) {
        points = Array(repeating: .zero, count: count)
        speeds = points
    }

    /// Forgets the face.
    mutating func reset() { time = nil }

    /// Takes the landmarks of the next frame; half of the speed is that of before, so that it trembles less.
    mutating func update(_ found: [SIMD3<Float>], seconds: Double) {
        let scale = time.map { Float(1 / (seconds - $0)) } ?? 0
        let keep: Float = time == nil ? 0 : 1
        time = seconds
        for index in points.indices {
            speeds[index] = (keep * speeds[index] + (found[index] - points[index]) * scale) / 2
            points[index] = found[index]
        }
    }

    /// Returns how far landmarks lie from where the face would be if it moved on as it did: the mean distance in the
    /// image's plane, in units of their size.
    func distance(to found: [SIMD3<Float>], seconds: Double) -> Double {
        let elapsed = Float(seconds - (time ?? seconds))
        var sum = 0.0
        for index in points.indices {
            let apart = points[index] + elapsed * speeds[index] - found[index]
            sum += Double((apart.x * apart.x + apart.y * apart.y).squareRoot())
        }
        let distance = sum / Double(points.count) / max(UprightBox(around: found).longerSide, 1e-6)
        return distance < Self.farthest ? distance : Self.farthest
    }
}

/// Gives faces to tracks, all at once.
enum Association {
    /// Returns which of the sightings is each track's face; nil where the track's face is not among them.
    ///
    /// Sightings whose next regions overlap by more than a limit are one face, seen in two crops: the one nearest to where
    /// a track is expected stands for it.
    ///
    /// - Parameters:
    ///   - distances: From each sighting to where each track is expected; no more sightings than tracks.
    ///   - iou: The limit.
    static func associate(_ sightings: [Sighting], _ distances: [[Double]], tracks: Int, iou: Double) -> [Int?] {
        var found = [Int?](repeating: nil, count: tracks)
        let nearest = distances.enumerated().map { (distance: $1.min() ?? 0, index: $0) }.sorted(by: <)
        var kept: [Int] = []
        for (_, index) in nearest {
            let region = sightings[index].nextRegion
            if kept.allSatisfy({ region.similarity(to: sightings[$0].nextRegion) <= iou }) { kept.append(index) }
        }
        kept.sort()
        for (index, track) in zip(kept, assign(kept.map { distances[$0] })) { found[track] = index }
        return found
    }

    /// Returns a column for each row, none twice, so that the costs add up to the least; no more rows than columns.
    ///
    /// The Hungarian method with prices on rows and columns, a shortest augmenting path a row. See H. W. Kuhn, Naval
    /// Research Logistics Quarterly 2, 1955, and R. Jonker, A. Volgenant, Computing 38, 1987.
    static func assign(_ costs: [[Double]]) -> [Int] {
        let (rows, columns) = (costs.count, costs.first?.count ?? 0)
        // Row and column 0 are not of the table: a path begins in column 0, and a column of row 0 is free.
        var rowPrice = [Double](repeating: 0, count: rows + 1)
        var columnPrice = [Double](repeating: 0, count: columns + 1)
        var rowOf = [Int](repeating: 0, count: columns + 1)
        for row in stride(from: 1, through: rows, by: 1) {
            rowOf[0] = row
            var column = 0
            var slack = [Double](repeating: .infinity, count: columns + 1)
            var cameFrom = [Int](repeating: 0, count: columns + 1)
            var visited = [Bool](repeating: false, count: columns + 1)
            while rowOf[column] != 0 {
                visited[column] = true
                let here = rowOf[column]
                var nearest = 0
                for to in 1...columns where !visited[to] {
                    let price = costs[here - 1][to - 1] - rowPrice[here] - columnPrice[to]
                    if price < slack[to] { (slack[to], cameFrom[to]) = (price, column) }
                    if nearest == 0 || slack[to] < slack[nearest] { nearest = to }
                }
                let step = slack[nearest]
                for to in 0...columns {
                    if visited[to] {
                        rowPrice[rowOf[to]] += step
                        columnPrice[to] -= step
                    } else {
                        slack[to] -= step
                    }
                }
                column = nearest
            }
            while column != 0 {
                rowOf[column] = rowOf[cameFrom[column]]
                column = cameFrom[column]
            }
        }
        return (0..<rows).map { row in (rowOf.dropFirst().firstIndex(of: row + 1) ?? 1) - 1 }
    }
}
