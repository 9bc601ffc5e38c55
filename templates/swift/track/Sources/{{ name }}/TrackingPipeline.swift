// SPDX-License-Identifier: Apache-2.0

import CoreML
import CoreVideo
import os

/// Runs the two models on a frame: the detector on the whole of it, the landmark model on crops.
///
/// All memory but that of landmarks found is allocated when it is made.
final class TrackingPipeline {
    private let detector: Pipeline
    private let landmarker: any ModelRunner
    private let sampler: CropSampler
    private let decoder: LandmarkDecoder
    private let region: CGRect?
    private let signposter = OSSignposter(subsystem: LandmarkSpecification.shipped.name, category: "FaceTracker")

    /// How long the parts of the frame took so far.
    private(set) var durations = TrackingPipeline.noDurations

    private static let noDurations = FrameDurations(
        preprocess: .zero, inference: .zero, postprocess: .zero, endToEnd: .zero)

    /// - Parameter configuration: The detector's.
    init(detector: any ModelRunner, landmarker: any ModelRunner, _ configuration: FaceDetector.Configuration) {
        let sampling = configuration.sampling
        self.detector = Pipeline(
            runner: detector, options: configuration.postprocessing, sampling: sampling, inferenceName: "detect")
        region = configuration.regionOfInterest
        self.landmarker = landmarker
        sampler = CropSampler(input: LandmarkSpecification.shipped.input, sampling: sampling)
        decoder = LandmarkDecoder(.shipped, outputs: landmarker.outputs)
    }

    /// Begins to time another frame.
    func resetDurations() { durations = Self.noDurations }

    /// Decodes what the detector gives with other options from now on.
    func use(_ options: Postprocessor.Options) { detector.use(options) }

    /// Returns the faces in a picture, best first.
    func detect(_ picture: PixelView, _ orientation: FrameOrientation) throws -> [Face] {
        let found = try detector.search(picture, orientation, in: region)
        add(found.durations.preprocess, found.durations.inference, found.durations.postprocess)
        return found.faces
    }

    /// Returns the landmarks of the face in a region of the upright picture; nil where no face is there.
    func findLandmarks(
        _ picture: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect
    ) throws -> Landmarks? {
        let begin = ContinuousClock.now
        try signposter.withIntervalSignpost("warp") {
            try landmarker.writeInput {
                sampler.sample(picture, orientation, region, into: $0, bytesPerRow: $1)
            }
        }
        let sampled = ContinuousClock.now
        try signposter.withIntervalSignpost("landmarks") { try landmarker.run() }
        let inferred = ContinuousClock.now
        let landmarks = signposter.withIntervalSignpost("postprocess") { decoder.landmarks(in: region) }
        add(begin.duration(to: sampled), sampled.duration(to: inferred), inferred.duration(to: .now))
        return landmarks
    }

    private func add(_ preprocess: Duration, _ inference: Duration, _ postprocess: Duration) {
        durations.preprocess += preprocess
        durations.inference += inference
        durations.postprocess += postprocess
    }
}

extension ModelLadder {
    /// The ladder of the landmark model.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing` or `.resourceDamaged` if its golden input cannot be had.
    static func landmarker(_ store: ModelStore, _ requested: ComputeUnits) throws -> ModelLadder {
        let model = LandmarkSpecification.shipped
        let goldenInput = try LandmarkSelfTest(store.data(LandmarkSelfTest.fileName), specification: model)
        return ModelLadder(store: store, model: model, goldenInput: goldenInput, requested: requested)
    }
}
