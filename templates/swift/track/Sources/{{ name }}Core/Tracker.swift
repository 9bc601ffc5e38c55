// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Follows faces from frame to frame, and says when the detector has to look for more of them.
///
/// It runs no model itself: whoever calls it does, when asked. Memory is reused from frame to frame, and only results
/// are allocated.
package struct Tracker: Sendable {
    private struct Track: Sendable {
        var number = 0
        var age = 0
        let score: Float
        /// Where to look for the face.
        var region: RotatedRect
        /// Which filter smooths the face.
        var filter: Int?
    }

    /// A track's face in the current frame.
    private struct Sighting: Sendable {
        let track: Track
        var landmarks: Landmarks
        let nextRegion: RotatedRect
    }

    private let specification: LandmarkSpecification
    private let maximumFaces: Int
    private let smoothing: Smoothing?
    private let detectionInterval: Int
    /// How many frames there were since the detector ran.
    private var framesSinceDetection = 0
    private var timestamps = TimestampOrder()
    private var tracks: [Track] = []
    /// The number of the next track.
    package private(set) var nextNumber: Int
    private var imageSize: (width: Int, height: Int)?
    private var candidates: [Track] = []
    private var refusals: Refusals
    private var sightings: [Sighting] = []
    private var filters: [OneEuroFilter] = []
    private var unusedFilters: [Int] = []

    /// How many frames there were.
    package private(set) var frames = 0
    /// In how many of them the detector ran.
    package private(set) var detectorRuns = 0

    /// - Parameters:
    ///   - maximumFaces: How many faces to follow, above 0.
    ///   - smoothing: How landmarks are smoothed; nil leaves them as they are.
    ///   - detectionInterval: In one of so many frames the detector looks for more faces, where some are followed.
    ///   - firstNumber: The number of the first track.
    package init(
        _ specification: LandmarkSpecification, maximumFaces: Int, smoothing: Smoothing?, detectionInterval: Int = 1,
        firstNumber: Int = 1
    ) {
        nextNumber = firstNumber
        self.detectionInterval = detectionInterval
        self.specification = specification
        self.maximumFaces = maximumFaces
        self.smoothing = smoothing
        refusals = Refusals(associationIoU: specification.associationIoU)
    }

    /// Returns the faces in the next frame.
    ///
    /// A frame of another size begins anew: all tracks are lost. If a model fails, tracks stay as they were before the
    /// frame.
    ///
    /// - Parameters:
    ///   - width: The upright frame's, in pixels.
    ///   - height: The upright frame's, in pixels.
    ///   - seconds: When the frame was taken.
    ///   - detect: Runs the detector on the frame; called at most once, before the landmark model.
    ///   - findLandmarks: Runs the landmark model on a region of the frame; nil where no face is there.
    /// - Throws: `FaceDetectorError.timestampMissing` or `.timestampNotRising`, and what the models throw.
    package mutating func update(
        width: Int, height: Int, seconds: Double?, detect: () throws -> [Face],
        findLandmarks: (RotatedRect) throws -> Landmarks?
    ) throws -> TrackedFrame {
        let seconds = try timestamps.accept(seconds)
        frames += 1
        let isNewSize = imageSize.map { $0 != (width, height) } ?? false
        var lost: [Int] = []
        candidates.removeAll(keepingCapacity: true)
        sightings.removeAll(keepingCapacity: true)
        let followed = isNewSize ? [] : tracks
        if isNewSize {
            for track in tracks { lost.append(track.number) }
        }
        let free = maximumFaces - followed.count
        framesSinceDetection += 1
        let detectorRan = free > 0 && (followed.isEmpty || framesSinceDetection >= detectionInterval)
        if detectorRan {
            detectorRuns += 1
            addCandidates(from: try detect(), besides: followed, isNewSize: isNewSize)
            framesSinceDetection = 0
        }
        for track in followed
        where try !follow(track, width: width, height: height, findLandmarks) {
            lost.append(track.number)
        }
        let refused = try beginTracks(detectorRan ? free : 0, width: width, height: height, findLandmarks)
        if isNewSize { refusals.clear() }
        if detectorRan {
            refusals.update(refused: refused.regions, untried: candidates[refused.tried...].map(\.region))
        }
        imageSize = (width, height)
        return TrackedFrame(
            faces: commit(seconds, CGSize(width: width, height: height)),
            lost: lost,
            detectorRan: detectorRan,
            imageSize: CGSize(width: width, height: height),
            timestamp: seconds
        )
    }

    /// Takes up detected faces that no track follows already, in the order to try them.
    private mutating func addCandidates(from faces: [Face], besides followed: [Track], isNewSize: Bool) {
        for face in faces {
            let region = face.rotatedRect
            func isSame(_ track: Track) -> Bool {
                region.similarity(to: track.region) > specification.associationIoU
            }
            if followed.contains(where: isSame) || candidates.contains(where: isSame) { continue }
            candidates.append(Track(score: face.score, region: region))
        }
        if !isNewSize { refusals.sort(&candidates, by: \.region) }
    }

    /// Tries candidates until the free places are taken, with a bound; returns what was refused, and how many were tried.
    private mutating func beginTracks(
        _ free: Int, width: Int, height: Int, _ findLandmarks: (RotatedRect) throws -> Landmarks?
    ) throws -> (regions: [RotatedRect], tried: Int) {
        var refused: [RotatedRect] = []
        var tried = 0
        for track in candidates.prefix(min(free, candidates.count) + specification.extraCandidates) {
            if tried - refused.count == free { break }
            tried += 1
            if try !follow(track, width: width, height: height, findLandmarks) { refused.append(track.region) }
        }
        return (refused, tried)
    }

    /// Runs the landmark model on the track's region; returns whether its face is there, and no other track's.
    private mutating func follow(
        _ track: Track, width: Int, height: Int, _ findLandmarks: (RotatedRect) throws -> Landmarks?
    ) throws -> Bool {
        guard track.region.reaches(imageWidth: width, imageHeight: height),
            let landmarks = try findLandmarks(track.region)
        else { return false }
        return add(track, landmarks)
    }

    /// Takes note of a face, unless another track has it already; returns whether it did.
    private mutating func add(_ track: Track, _ landmarks: Landmarks) -> Bool {
        let next = RotatedRect(around: landmarks.points, specification.region)
        guard !sightings.contains(where: { next.similarity(to: $0.nextRegion) > specification.associationIoU }) else {
            return false
        }
        sightings.append(Sighting(track: track, landmarks: landmarks, nextRegion: next))
        return true
    }

    /// Makes the sightings the tracks of the next frame, and returns their faces.
    private mutating func commit(_ seconds: Double, _ size: CGSize) -> [TrackedFace] {
        releaseFilters()
        tracks.removeAll(keepingCapacity: true)
        var faces: [TrackedFace] = []
        faces.reserveCapacity(sightings.count)
        for index in sightings.indices {
            var track = sightings[index].track
            let crop = track.region
            if track.age == 0 {
                track.number = nextNumber
                nextNumber += 1
            }
            track.age += 1
            track.region = sightings[index].nextRegion
            if let smoothing {
                let filter = track.filter ?? takeFilter(smoothing)
                track.filter = filter
                let size = UprightBox(around: sightings[index].landmarks.points).longerSide
                filters[filter].smooth(&sightings[index].landmarks.points, size: size, seconds: seconds)
            }
            tracks.append(track)
            faces.append(
                TrackedFace(
                    track: track.number,
                    age: track.age,
                    state: track.age == 1 ? .detected : .tracked,
                    presence: sightings[index].landmarks.presence,
                    face: face(track, sightings[index].landmarks.points, crop, size)
                ))
        }
        return faces
    }

    private func face(_ track: Track, _ points: [SIMD3<Float>], _ crop: RotatedRect, _ size: CGSize) -> Face {
        let box = UprightBox(around: points)
        func keypoint(_ index: Int) -> CGPoint {
            let members = specification.keypoints[index]
            var sum = SIMD3<Float>()
            for member in members { sum += points[member] }
            let mean = sum / Float(members.count)
            return CGPoint(x: CGFloat(mean.x) / size.width, y: CGFloat(mean.y) / size.height)
        }
        return Face(
            normalizedBoundingBox: CGRect(
                x: CGFloat(box.left) / size.width,
                y: CGFloat(box.top) / size.height,
                width: CGFloat(box.width) / size.width,
                height: CGFloat(box.height) / size.height
            ),
            normalizedKeypoints: FaceKeypoints(
                rightEye: keypoint(0),
                leftEye: keypoint(1),
                noseTip: keypoint(2),
                mouthCenter: keypoint(3),
                rightEarTragion: keypoint(4),
                leftEarTragion: keypoint(5)
            ),
            score: track.score,
            imageSize: size,
            landmarks: FaceLandmarks(pixels: points),
            crop: crop
        )
    }

    /// Gives back the filters of tracks that are not among the sightings.
    private mutating func releaseFilters() {
        for track in tracks {
            guard let filter = track.filter else { continue }
            if !sightings.contains(where: { $0.track.number == track.number }) { unusedFilters.append(filter) }
        }
    }

    private mutating func takeFilter(_ smoothing: Smoothing) -> Int {
        if let filter = unusedFilters.popLast() {
            filters[filter].reset()
            return filter
        }
        filters.append(OneEuroFilter(smoothing, count: specification.count))
        return filters.count - 1
    }
}
