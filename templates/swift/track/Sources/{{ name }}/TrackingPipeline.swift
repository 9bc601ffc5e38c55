import CoreML
import CoreVideo
import os

/// Runs the two models on a frame: the detector on the whole of it, the landmark model on crops.
///
/// All memory but that of landmarks found is allocated when it is made.
final class TrackingPipeline {
    private let detector: Pipeline
    private let landmarker: ModelRunner
    private let sampler: CropSampler
    private let decoder: LandmarkDecoder
    private let signposter = OSSignposter(subsystem: LandmarkSpecification.shipped.name, category: "FaceTracker")

    init(detector: ModelRunner, landmarker: ModelRunner, _ options: Postprocessor.Options) {
        self.detector = Pipeline(runner: detector, options: options, inferenceName: "detect")
        self.landmarker = landmarker
        sampler = CropSampler(input: LandmarkSpecification.shipped.input)
        decoder = LandmarkDecoder(.shipped, outputs: landmarker.outputs)
    }

    /// Returns the faces in a picture, best first.
    func detect(_ picture: PixelView, _ orientation: FrameOrientation) throws -> [Face] {
        try detector.search(picture, orientation).faces
    }

    /// Returns the landmarks of the face in a region of the upright picture; nil where no face is there.
    func findLandmarks(
        _ picture: PixelView, _ orientation: FrameOrientation, _ region: RotatedRect
    ) throws -> Landmarks? {
        try signposter.withIntervalSignpost("warp") {
            try landmarker.writeInput {
                sampler.sample(picture, orientation, region, into: $0, bytesPerRow: $1)
            }
        }
        try signposter.withIntervalSignpost("landmarks") { try landmarker.run() }
        return signposter.withIntervalSignpost("postprocess") { decoder.landmarks(in: region) }
    }
}

extension ModelLadder {
    /// The ladder of the landmark model.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing` or `.resourceDamaged` if its golden input cannot be had.
    static func landmarker(_ store: ModelStore, _ requested: MLComputeUnits) throws -> ModelLadder {
        let model = LandmarkSpecification.shipped
        let goldenInput = try LandmarkSelfTest(store.data(LandmarkSelfTest.fileName), specification: model)
        return ModelLadder(store: store, model: model, goldenInput: goldenInput, requested: requested)
    }
}
