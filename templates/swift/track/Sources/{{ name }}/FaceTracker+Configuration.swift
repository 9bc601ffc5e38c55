// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import ImageIO

extension FaceTracker {
    /// How frames reach the tracker.
    public enum RunningMode: String, Sendable, Hashable, CaseIterable {
        /// The frames of a video, every one of them looked at, in order.
        case video
        /// A camera: when frames come faster than they can be looked at, the newest wins.
        case liveStream
    }

    /// What an app decides about a tracker.
    public struct Configuration: Sendable, Hashable {
        /// How frames reach the tracker.
        public var runningMode: RunningMode

        /// How many faces to follow. The detector sleeps while so many are in sight.
        public var maximumFaces: Int

        /// How landmarks are smoothed; nil, the default, leaves them as the model finds them.
        public var smoothing: Smoothing?

        /// Where the models may run; the default is whatever is fastest on the device.
        public var computeUnits: ComputeUnits

        /// The lowest score of a face for the detector, from 0 to 1.
        public var minimumScore: Float

        /// How much two of the detector's boxes overlap, from 0 to 1, before they count as one face.
        public var blendingIoU: Float

        /// How large frames and crops become the models' inputs; `.point` gives what MediaPipe gives.
        public var sampling: Sampling

        /// Whether upright frames are to be flipped left-right, as a selfie preview shows them.
        ///
        /// What is right and left of a face is then exchanged: see `FaceKeypoints`.
        public var isMirrored: Bool

        /// How the pixels of frames are turned, for frames that do not say so themselves.
        public var orientation: CGImagePropertyOrientation

        /// The part of upright frames in which the detector looks for faces; see
        /// ``FaceDetector/Configuration/regionOfInterest``. Faces are followed beyond it.
        public var regionOfInterest: CGRect?

        /// While fewer faces are followed than asked for, the detector looks for others in one of so many frames; at once
        /// where none is followed. 1, the default, looks in all.
        public var detectionInterval: Int

        /// So many frames a second of a live stream are looked at at most; see
        /// ``FaceDetector/Configuration/maximumFrameRate``.
        public var maximumFrameRate: Double?

        /// Whether the tracker starts on the CPU, and changes over to the units asked for when these are ready.
        public var startsOnCPU: Bool

        /// Makes a configuration; the thresholds default to the model's own.
        public init(
            runningMode: RunningMode = .video,
            maximumFaces: Int = 1,
            smoothing: Smoothing? = nil,
            computeUnits: ComputeUnits = .automatic,
            minimumScore: Float = FaceDetector.Configuration.defaultMinimumScore,
            blendingIoU: Float = FaceDetector.Configuration.defaultBlendingIoU,
            sampling: Sampling = .area,
            isMirrored: Bool = false,
            orientation: CGImagePropertyOrientation = .up,
            regionOfInterest: CGRect? = nil,
            detectionInterval: Int = 1,
            maximumFrameRate: Double? = nil,
            startsOnCPU: Bool = false
        ) {
            self.runningMode = runningMode
            self.maximumFaces = maximumFaces
            self.smoothing = smoothing
            self.computeUnits = computeUnits
            self.minimumScore = minimumScore
            self.blendingIoU = blendingIoU
            self.sampling = sampling
            self.isMirrored = isMirrored
            self.orientation = orientation
            self.regionOfInterest = regionOfInterest
            self.detectionInterval = detectionInterval
            self.maximumFrameRate = maximumFrameRate
            self.startsOnCPU = startsOnCPU
        }

        /// Hashes what most configurations differ in.
        public func hash(into hasher: inout Hasher) {
            hasher.combine(runningMode)
            hasher.combine(maximumFaces)
            hasher.combine(computeUnits)
            hasher.combine(minimumScore)
        }

        /// What of this concerns the detector, which finds all faces: the tracker picks those that are new.
        var detector: FaceDetector.Configuration {
            FaceDetector.Configuration(
                computeUnits: computeUnits,
                minimumScore: minimumScore,
                blendingIoU: blendingIoU,
                sampling: sampling,
                isMirrored: isMirrored,
                orientation: orientation,
                regionOfInterest: regionOfInterest,
                detectionInterval: detectionInterval,
                maximumFrameRate: maximumFrameRate,
                startsOnCPU: startsOnCPU
            )
        }

        func validate() throws {
            try detector.validate()
            try smoothing?.validate()
            guard maximumFaces > 0 else {
                throw FaceDetectorError.invalidConfiguration(
                    detail: "maximumFaces is \(maximumFaces), it must be above 0.")
            }
        }
    }
}
