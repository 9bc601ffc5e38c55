import CoreML
import Foundation

/// Finds the fastest way to run the model that gives right results.
///
/// The rungs, fastest first: half precision with half-precision sums on the GPU, half precision, single precision
/// where the package holds such a model, and the CPU alone. Each is held to the golden input; that run is also the
/// warm-up.
struct ModelLadder {
    private struct Rung {
        let resource: ModelSpecification.Resource
        let units: MLComputeUnits
        let allowsLowPrecisionAccumulation: Bool
    }

    /// A model that gives right results. It is made for one detector, which takes it over whole: nobody else keeps a
    /// reference to the runner, so it may cross to the detector's actor.
    struct Foothold: @unchecked Sendable {
        let runner: ModelRunner
        let active: ActiveComputeUnits
    }

    let store: ModelStore
    let model: any ConvertedModel
    let goldenInput: any GoldenInput
    let requested: MLComputeUnits

    /// The ladder of the detector's model.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing` or `.resourceDamaged` if its golden input cannot be had.
    static func detector(_ store: ModelStore, _ requested: MLComputeUnits) throws -> ModelLadder {
        let model = ModelSpecification.shipped
        let goldenInput = try SelfTest(store.data(SelfTest.fileName), specification: model)
        return ModelLadder(store: store, model: model, goldenInput: goldenInput, requested: requested)
    }

    /// Returns the model on the first rung that holds.
    ///
    /// - Throws: `FaceDetectorError.selfTestFailed` if none does, `.resourceDamaged` if the model can be loaded on none,
    ///   and at once if a resource is missing or not the one this package was generated with.
    func climbDown() async throws -> Foothold {
        var rejections: [ActiveComputeUnits.Rejection] = []
        var hasRun = false
        for rung in rungs {
            let active = ActiveComputeUnits(
                units: rung.units,
                precision: rung.resource.precision,
                allowsLowPrecisionAccumulation: rung.allowsLowPrecisionAccumulation,
                rejections: rejections
            )
            do {
                let loaded = try await store.load(rung.resource, of: model, configuration(of: rung))
                let runner = try ModelRunner(loaded, model)
                try runner.writeInput { goldenInput.picture.write(into: $0, bytesPerRow: $1) }
                try runner.runFirst()
                hasRun = true
                let outcome = goldenInput.compare(runner.outputs)
                if outcome.hasPassed { return Foothold(runner: runner, active: active) }
                rejections.append(.init(setup: active.setup, reason: "wrong results, \(outcome.summary)"))
            } catch let error as FaceDetectorError where error.mayDependOnComputeUnits {
                rejections.append(.init(setup: active.setup, reason: error.localizedDescription))
            }
        }
        let detail = rejections.map { "\($0.setup): \($0.reason)" }.joined(separator: "; ")
        if hasRun { throw FaceDetectorError.selfTestFailed(detail: detail) }
        throw FaceDetectorError.resourceDamaged(name: model.resources[0].name, detail: detail)
    }

    private var rungs: [Rung] {
        let resources = model.resources
        func rung(_ resource: ModelSpecification.Resource, _ units: MLComputeUnits, low: Bool = false) -> Rung {
            Rung(resource: resource, units: units, allowsLowPrecisionAccumulation: low)
        }
        var rungs: [Rung] = []
        if requested != .cpuOnly {
            for resource in resources {
                if requested.includesGPU, resource.precision == .float16 {
                    rungs.append(rung(resource, requested, low: true))
                }
                rungs.append(rung(resource, requested))
            }
        }
        return rungs + resources.map { rung($0, .cpuOnly) }
    }

    private func configuration(of rung: Rung) -> MLModelConfiguration {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = rung.units
        configuration.allowLowPrecisionAccumulationOnGPU = rung.allowsLowPrecisionAccumulation
        return configuration
    }
}

extension FaceDetectorError {
    /// Whether other compute units may help: not where a resource is missing or another than it should be.
    fileprivate var mayDependOnComputeUnits: Bool {
        switch self {
        case .resourceDamaged, .predictionFailed: return true
        default: return false
        }
    }
}

extension SelfTestOutcome {
    /// How far off the results were, for people.
    fileprivate var summary: String {
        "logits off by up to \(logitDifference), coordinates by up to \(coordinateDifference * 100) % of the input"
    }
}
