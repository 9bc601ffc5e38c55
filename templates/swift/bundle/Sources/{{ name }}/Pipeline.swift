import CoreGraphics
import CoreVideo
import os

/// The way of one frame: sampling, inference, post-processing.
///
/// All memory is allocated when it is made.
final class Pipeline {
    private let runner: ModelRunner
    private let sampler: LetterboxSampler
    private let postprocessor: Postprocessor
    private let inferenceName: StaticString
    private let signposter = OSSignposter(subsystem: ModelSpecification.shipped.name, category: "FaceDetector")

    /// - Parameter inferenceName: What the interval around the model's run is called in Instruments.
    init(runner: ModelRunner, options: Postprocessor.Options, inferenceName: StaticString = "inference") {
        self.runner = runner
        self.inferenceName = inferenceName
        sampler = LetterboxSampler(input: ModelSpecification.shipped.input)
        postprocessor = Postprocessor(ModelSpecification.shipped, outputs: runner.outputs, options: options)
    }

    /// Returns the faces in a picture, and its size once upright.
    func search(_ picture: PixelView, _ orientation: FrameOrientation) throws -> (faces: [Face], imageSize: CGSize) {
        let letterbox = try signposter.withIntervalSignpost("preprocess") {
            try runner.writeInput { sampler.sample(picture, orientation, into: $0, bytesPerRow: $1) }
        }
        try signposter.withIntervalSignpost(inferenceName) { try runner.run() }
        let faces = signposter.withIntervalSignpost("postprocess") { postprocessor.faces(in: letterbox) }
        return (faces, CGSize(width: letterbox.imageWidth, height: letterbox.imageHeight))
    }
}
