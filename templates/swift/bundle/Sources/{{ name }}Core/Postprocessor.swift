// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Turns the model's raw outputs into faces: decoding, and blending of boxes that overlap.
///
/// Takes the best candidate that is left, and with it all whose overlap with it is above the limit. The face is the
/// mean of their corners and keypoints, weighted by score, with the best one's score (Bazarevsky et al. 2019, section
/// 3.3: steadier from frame to frame than keeping the best box alone). Nothing is allocated but the faces.
package final class Postprocessor {
    /// What the app decides.
    package struct Options: Sendable {
        package var minimumScore: Float
        package var blendingIoU: Float
        package var maximumFaces: Int?

        package init(minimumScore: Float, blendingIoU: Float, maximumFaces: Int?) {
            self.minimumScore = minimumScore
            self.blendingIoU = blendingIoU
            self.maximumFaces = maximumFaces
        }
    }

    /// Up to so many faces, the result is allocated in one piece.
    private static let usualFaces = 16

    private let candidates: Candidates
    private let blendingIoU: Double
    private let maximumFaces: Int
    private let boxScale: Double

    /// - Parameter outputs: Where the raw outputs are read from, at every call.
    package init(_ specification: ModelSpecification, outputs: RawOutputs, options: Options) {
        candidates = Candidates(specification, outputs: outputs, minimumScore: options.minimumScore)
        blendingIoU = Double(options.blendingIoU)
        maximumFaces = options.maximumFaces ?? .max
        boxScale = Double(specification.boxScale)
    }

    /// Returns the faces in the current raw outputs, best first, in the coordinates of the upright picture.
    package func faces(in letterbox: Letterbox) -> [Face] {
        var faces: [Face] = []
        candidates.collect()
        var start = 0
        while start < candidates.count, faces.count < maximumFaces {
            candidates.bringBest(to: start)
            let end = gather(around: start)
            if faces.isEmpty { faces.reserveCapacity(min(candidates.count - end + 1, maximumFaces, Self.usualFaces)) }
            faces.append(blend(start..<end, letterbox))
            start = end
        }
        return faces
    }

    /// Moves the candidates that overlap the one at `start` right behind it, and returns where they end.
    ///
    /// A candidate without area overlaps nothing and stays alone, so that the loop over faces always ends.
    private func gather(around start: Int) -> Int {
        let all = candidates.storage
        let best = all[start]
        let bestArea = best.area
        var end = start + 1
        for index in (start + 1)..<max(start + 1, candidates.count) {
            let width = min(best.right, all[index].right) - max(best.left, all[index].left)
            let height = min(best.bottom, all[index].bottom) - max(best.top, all[index].top)
            guard width > 0, height > 0 else { continue }
            let common = width * height
            guard common > blendingIoU * (bestArea + all[index].area - common) else { continue }
            candidates.exchange(index, end)
            end += 1
        }
        return end
    }

    private func blend(_ members: Range<Int>, _ letterbox: Letterbox) -> Face {
        var boxSum = SIMD4<Double>()
        var anchorSum = SIMD2<Double>()
        var pointSum = SIMD16<Double>()
        var total = 0.0
        for index in members {
            let member = candidates.storage[index]
            let weight = Double(member.score)
            total += weight
            boxSum += SIMD4(member.left, member.top, member.right, member.bottom) * weight
            anchorSum += SIMD2(member.centerX, member.centerY) * weight
            for number in BoxNumbers.box..<BoxNumbers.count {
                pointSum[number] += Double(member.numbers[number]) * weight
            }
        }
        let box = boxSum / total
        let anchor = anchorSum / total
        let points = pointSum / (total * boxScale)
        func point(_ index: Int) -> CGPoint {
            let first = BoxNumbers.box + 2 * index
            return CGPoint(
                x: letterbox.projectX(points[first] + anchor.x), y: letterbox.projectY(points[first + 1] + anchor.y))
        }
        let (left, top) = (letterbox.projectX(box[0]), letterbox.projectY(box[1]))
        return Face(
            normalizedBoundingBox: CGRect(
                x: left, y: top, width: letterbox.projectX(box[2]) - left, height: letterbox.projectY(box[3]) - top),
            normalizedKeypoints: FaceKeypoints(
                rightEye: point(0),
                leftEye: point(1),
                noseTip: point(2),
                mouthCenter: point(3),
                rightEarTragion: point(4),
                leftEarTragion: point(5)
            ),
            score: candidates.storage[members.lowerBound].score,
            imageSize: CGSize(width: letterbox.imageWidth, height: letterbox.imageHeight)
        )
    }
}
