import CoreML
import Foundation

@testable import BlazeFace
@testable import BlazeFaceCore

/// A landmark model that answers as the reference did for its golden input, whatever it is shown, unless told
/// otherwise; beside it a detector's model.
final class FakeLandmarks: @unchecked Sendable {
    let detector = FakeModel()
    let specification = LandmarkSpecification.shipped
    /// Added to the presence logit on a rung.
    var logitError: (MLModelConfiguration) -> Float = { _ in 0 }
    /// What the presence logit is instead.
    var presenceLogit: Float?
    /// Added to the first landmark's x.
    var shift: Float = 0
    var predictionFails = false
    var weightsSHA256 = LandmarkSpecification.shipped.weightsSHA256
    private(set) var loaded: [MLModelConfiguration] = []
    /// Called before each run.
    var onRun: () -> Void = {}
    private(set) var runs = 0
    private(set) var lastInput: [UInt8] = []
    private var golden: LandmarkSelfTest?

    func install() throws {
        golden = try LandmarkSelfTest(
            ModelStore.shipped.data(LandmarkSelfTest.fileName), specification: specification)
        detector.other = { [self] url, configuration in
            let names = specification.resources.flatMap { [$0.name, "\($0.name)-\($0.packageSHA256)"] }
            guard names.contains(url.deletingPathExtension().lastPathComponent) else { return nil }
            loaded.append(configuration)
            let error = logitError(configuration)
            return StubModel(description: description) { [self] input, options in
                try predict(input, options, error)
            }
        }
        try detector.install()
    }

    private var description: MLModelDescription {
        let input = specification.input
        return MLModelDescription(
            stubInputs: [
                MLFeatureDescription(
                    stubName: input.name, image: MLImageConstraint(stubWide: input.width, high: input.height))
            ],
            outputs: specification.outputs.map { MLFeatureDescription(stubName: $0.name) },
            metadata: [.creatorDefinedKey: ["sdkgen.weights.sha256": weightsSHA256]]
        )
    }

    private func predict(
        _ input: any MLFeatureProvider, _ options: MLPredictionOptions, _ error: Float
    ) throws -> any MLFeatureProvider {
        runs += 1
        onRun()
        if predictionFails { throw FakeModel.Failure() }
        let plane = input.featureValue(for: specification.input.name)!.imageBufferValue!.stubPlanes[0]
        lastInput = Array(UnsafeRawBufferPointer(start: plane.base, count: plane.bytesPerRow * plane.rows))
        let answer = RawOutputs(specification)
        var row = golden!.landmarks + [(presenceLogit ?? golden!.presenceLogit) + error]
        row[0] += shift
        answer.write(row)
        return try Features(answer, options)
    }
}

/// A tracker over the fakes, with the package's own resources and a cache folder of its own.
func makeTracker(
    _ fake: FakeLandmarks, _ configuration: FaceTracker.Configuration = .init(), store: ModelStore? = nil
) async throws -> FaceTracker {
    try fake.install()
    return try await FaceTracker(configuration: configuration, store: store ?? .temporary())
}
