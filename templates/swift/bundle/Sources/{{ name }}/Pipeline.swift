// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import CoreVideo
import os

/// The way of one frame: sampling, inference, post-processing.
///
/// All memory is allocated when it is made.
final class Pipeline {
    /// What was found in a picture.
    struct Found {
        var faces: [Face]
        /// The picture's size once upright.
        let imageSize: CGSize
        var durations: FrameDurations
        /// Whether the model ran; otherwise the faces are those of an earlier frame.
        var detectorRan = true
    }

    private let runner: any ModelRunner
    private let sampler: LetterboxSampler
    private var postprocessor: Postprocessor
    private let inferenceName: StaticString
    private let signposter = OSSignposter(subsystem: ModelSpecification.shipped.name, category: "FaceDetector")

    /// - Parameter inferenceName: What the interval around the model's run is called in Instruments.
    init(
        runner: any ModelRunner, options: Postprocessor.Options, sampling: Sampling,
        inferenceName: StaticString = "inference"
    ) {
        self.runner = runner
        self.inferenceName = inferenceName
        sampler = LetterboxSampler(input: ModelSpecification.shipped.input, sampling: sampling)
        postprocessor = Postprocessor(ModelSpecification.shipped, outputs: runner.outputs, options: options)
    }

    /// Decodes with other options from now on.
    func use(_ options: Postprocessor.Options) {
        postprocessor = Postprocessor(ModelSpecification.shipped, outputs: runner.outputs, options: options)
    }

    /// Returns the faces in a picture, or in a region of it, which is relative to the upright picture.
    func search(_ picture: PixelView, _ orientation: FrameOrientation, in region: CGRect?) throws -> Found {
        guard let region else { return try search(picture, orientation) }
        let (view, part) = try picture.cropped(to: region, orientation)
        let found = try search(view, orientation)
        let size = picture.uprightSize(orientation)
        let whole = CGSize(width: size.width, height: size.height)
        return Found(
            faces: found.faces.map { $0.placed(in: part, of: whole) }, imageSize: whole, durations: found.durations)
    }

    private func search(_ picture: PixelView, _ orientation: FrameOrientation) throws -> Found {
        let begin = ContinuousClock.now
        let letterbox = try signposter.withIntervalSignpost("preprocess") {
            try runner.writeInput { sampler.sample(picture, orientation, into: $0, bytesPerRow: $1) }
        }
        let sampled = ContinuousClock.now
        try signposter.withIntervalSignpost(inferenceName) { try runner.run() }
        let inferred = ContinuousClock.now
        let faces = signposter.withIntervalSignpost("postprocess") { postprocessor.faces(in: letterbox) }
        let end = ContinuousClock.now
        return Found(
            faces: faces,
            imageSize: CGSize(width: letterbox.imageWidth, height: letterbox.imageHeight),
            durations: FrameDurations(
                preprocess: begin.duration(to: sampled),
                inference: sampled.duration(to: inferred),
                postprocess: inferred.duration(to: end),
                endToEnd: begin.duration(to: end)
            ))
    }
}
