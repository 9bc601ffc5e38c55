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
        /// Which memory is the face's.
        var memory: Int?
    }

    /// What is known of a track's face, in memory allocated once.
    private struct Memory: Sendable {
        var motion: Motion
        var filter: OneEuroFilter?
    }

    /// A track's face in the current frame.
    private struct Found: Sendable {
        let track: Track
        var sighting: Sighting
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
    private var found: [Found] = []
    private var memories: [Memory] = []
    private var unusedMemories: [Int] = []

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
        found.removeAll(keepingCapacity: true)
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
        lost += try follow(followed, width: width, height: height, seconds: seconds, findLandmarks)
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
            let sighting = try look(in: track.region, width: width, height: height, findLandmarks)
            if let sighting, !isTaken(sighting) {
                found.append(Found(track: track, sighting: sighting))
            } else {
                refused.append(track.region)
            }
        }
        return (refused, tried)
    }

    /// Runs the landmark model on each track's region and takes note of the faces; returns the numbers of tracks without.
    private mutating func follow(
        _ followed: [Track], width: Int, height: Int, seconds: Double,
        _ findLandmarks: (RotatedRect) throws -> Landmarks?
    ) throws -> [Int] {
        var sightings: [Sighting] = []
        sightings.reserveCapacity(followed.count)
        for track in followed {
            if let sighting = try look(in: track.region, width: width, height: height, findLandmarks) {
                sightings.append(sighting)
            }
        }
        var lost: [Int] = []
        for (track, index) in zip(followed, associate(sightings, followed, seconds)) {
            if let index {
                found.append(Found(track: track, sighting: sightings[index]))
            } else {
                lost.append(track.number)
            }
        }
        return lost
    }

    /// Returns which of the sightings is each track's face.
    private func associate(_ sightings: [Sighting], _ followed: [Track], _ seconds: Double) -> [Int?] {
        if followed.count == 1 { return [sightings.isEmpty ? nil : 0] }
        let distances = sightings.map { sighting in
            followed.map { track in
                // Every track that has been in a frame has one.
                track.memory.map { memories[$0].motion.distance(to: sighting.landmarks.points, seconds: seconds) } ?? 0
            }
        }
        return Association.associate(
            sightings, distances, tracks: followed.count, iou: specification.associationIoU)
    }

    /// Runs the landmark model on a region; nil where no face is there.
    private func look(
        in region: RotatedRect, width: Int, height: Int, _ findLandmarks: (RotatedRect) throws -> Landmarks?
    ) throws -> Sighting? {
        guard region.reaches(imageWidth: width, imageHeight: height) else { return nil }
        return try findLandmarks(region).map { Sighting($0, in: region, specification.region) }
    }

    private func isTaken(_ sighting: Sighting) -> Bool {
        found.contains {
            sighting.nextRegion.similarity(to: $0.sighting.nextRegion) > specification.associationIoU
        }
    }

    /// Makes the faces the tracks of the next frame, and returns them.
    private mutating func commit(_ seconds: Double, _ size: CGSize) -> [TrackedFace] {
        releaseMemories()
        tracks.removeAll(keepingCapacity: true)
        var faces: [TrackedFace] = []
        faces.reserveCapacity(found.count)
        for index in found.indices {
            var track = found[index].track
            if track.age == 0 {
                track.number = nextNumber
                nextNumber += 1
            }
            track.age += 1
            track.region = found[index].sighting.nextRegion
            let memory = track.memory ?? takeMemory()
            track.memory = memory
            memories[memory].motion.update(found[index].sighting.landmarks.points, seconds: seconds)
            let side = UprightBox(around: found[index].sighting.landmarks.points).longerSide
            memories[memory].filter?.smooth(
                &found[index].sighting.landmarks.points, size: side, seconds: seconds)
            tracks.append(track)
            let sighting = found[index].sighting
            faces.append(
                TrackedFace(
                    track: track.number,
                    age: track.age,
                    state: track.age == 1 ? .detected : .tracked,
                    presence: sighting.landmarks.presence,
                    face: face(track, sighting.landmarks.points, sighting.crop, size)
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

    /// Gives back the memories of tracks whose faces were not found.
    private mutating func releaseMemories() {
        for track in tracks {
            guard let memory = track.memory else { continue }
            if !found.contains(where: { $0.track.number == track.number }) { unusedMemories.append(memory) }
        }
    }

    private mutating func takeMemory() -> Int {
        if let memory = unusedMemories.popLast() {
            memories[memory].motion.reset()
            memories[memory].filter?.reset()
            return memory
        }
        let count = specification.count
        memories.append(
            Memory(motion: Motion(count: count), filter: smoothing.map { OneEuroFilter($0, count: count) }))
        return memories.count - 1
    }
}
