// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Gives the faces of a detector numbers that stay from frame to frame, and smooths them.
///
/// A face is the one of the frame before that its box overlaps most. A face that is not found for a moment keeps its
/// number for a while.
package struct DetectionTracker: Sendable {
    private struct Track: Sendable {
        let number: Int
        var box: CGRect
        var lastSeen: Double
        var filter: OneEuroFilter?
    }

    /// Boxes that overlap less, as intersection over union, are not one face.
    private static let minimumOverlap = 0.3
    /// For so many seconds a face that is not found is waited for.
    private static let patience = 0.5
    /// A box has two corners.
    private static let smoothedPoints = 2 + FaceKeypoints.count

    private let smoothing: Smoothing?
    private var tracks: [Track] = []
    private var nextNumber = 1

    /// - Parameter smoothing: How boxes and keypoints are smoothed; nil leaves them as they are.
    package init(smoothing: Smoothing?) { self.smoothing = smoothing }

    /// Forgets all faces; their numbers are not used again.
    package mutating func reset() { tracks.removeAll(keepingCapacity: true) }

    /// Returns the faces of the next frame with their numbers, in the order given.
    ///
    /// - Parameter seconds: When the frame was taken, later than the one before.
    package mutating func update(_ faces: [Face], seconds: Double) -> [Face] {
        tracks.removeAll { seconds - $0.lastSeen > Self.patience }
        let pairs = pair(faces)
        return faces.indices.map { index in
            let place: Int
            if let known = pairs[index] {
                place = known
            } else {
                place = tracks.count
                tracks.append(
                    Track(
                        number: nextNumber, box: .zero, lastSeen: seconds,
                        filter: smoothing.map { OneEuroFilter($0, count: Self.smoothedPoints) }))
                nextNumber += 1
            }
            tracks[place].box = faces[index].boundingBox
            tracks[place].lastSeen = seconds
            var face = faces[index]
            face.track = tracks[place].number
            return smooth(face, place, seconds)
        }
    }

    /// Returns for each face which track it is, nil for none: the pairs that overlap most come first.
    private func pair(_ faces: [Face]) -> [Int?] {
        var result = [Int?](repeating: nil, count: faces.count)
        var pairs: [(overlap: Double, face: Int, track: Int)] = []
        for (face, box) in faces.map(\.boundingBox).enumerated() {
            for track in tracks.indices {
                let overlap = box.overlap(with: tracks[track].box)
                if overlap >= Self.minimumOverlap { pairs.append((overlap, face, track)) }
            }
        }
        var taken = Set<Int>()
        for pair in pairs.sorted(by: { $0.overlap > $1.overlap })
        where result[pair.face] == nil && taken.insert(pair.track).inserted {
            result[pair.face] = pair.track
        }
        return result
    }

    private mutating func smooth(_ face: Face, _ place: Int, _ seconds: Double) -> Face {
        guard tracks[place].filter != nil else { return face }
        let box = face.boundingBox
        let corners = [CGPoint(x: box.minX, y: box.minY), CGPoint(x: box.maxX, y: box.maxY)]
        var points = (corners + face.keypoints.all).map { SIMD3(Float($0.x), Float($0.y), 0) }
        tracks[place].filter?.smooth(&points, size: Double(max(box.width, box.height)), seconds: seconds)
        let size = face.imageSize
        func point(_ index: Int) -> CGPoint {
            CGPoint(x: CGFloat(points[index].x) / size.width, y: CGFloat(points[index].y) / size.height)
        }
        var smoothed = Face(
            normalizedBoundingBox: CGRect(
                x: point(0).x, y: point(0).y, width: point(1).x - point(0).x, height: point(1).y - point(0).y),
            normalizedKeypoints: FaceKeypoints((2..<Self.smoothedPoints).map(point)), score: face.score,
            imageSize: size)
        smoothed.track = face.track
        return smoothed
    }
}

extension CGRect {
    /// Returns the intersection over union with another rectangle.
    fileprivate func overlap(with other: CGRect) -> Double {
        let width = min(maxX, other.maxX) - max(minX, other.minX)
        let height = min(maxY, other.maxY) - max(minY, other.minY)
        guard width > 0, height > 0 else { return 0 }
        let common = width * height
        return Double(common / (self.width * self.height + other.width * other.height - common))
    }
}
