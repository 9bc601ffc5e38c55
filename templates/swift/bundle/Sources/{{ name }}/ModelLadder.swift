// SPDX-License-Identifier: Apache-2.0

import CoreML
import Foundation

/// A model that gives right results.
///
/// It is made for one detector, which takes it over whole: nobody else keeps a reference to the runner, so it may cross
/// to the detector's actor.
struct StartedModel: @unchecked Sendable {
    let runner: any ModelRunner
    private(set) var active: ActiveComputeUnits
    /// Whether other units are to be tried later: those that failed to run the model, as the GPU does while the app is in the
    /// background, or those whose start takes longer.
    private(set) var isProvisional: Bool

    /// Whether another start may find better units.
    var mayImprove: Bool { isProvisional || runner.hasFailed }

    /// Returns the model, for use until it is started on the units asked for.
    func until(_ units: ComputeUnits) -> StartedModel {
        var model = self
        model.isProvisional = true
        model.active = active.until(units)
        return model
    }
}

/// Finds the units that run the model fastest and give right results.
///
/// The rungs: half precision with half-precision sums on the GPU, half precision, single precision where the package
/// holds such a model, the Neural Engine, and the CPU alone. Where the package holds models for two runtimes, the newer one's
/// come first on the same units. Each is held to the golden input; that run is also the
/// warm-up. The first that passes is taken, or the fastest where the app asks for that.
struct ModelLadder: Sendable {
    struct Rung: Sendable {
        let resource: ModelSpecification.Resource
        let units: MLComputeUnits
        let allowsLowPrecisionAccumulation: Bool

        var setup: String {
            resource.runtime.nameSetup(units, resource.precision, sumsInHalf: allowsLowPrecisionAccumulation)
        }

        /// What a crash is laid to.
        var place: String {
            let prefix = resource.runtime == .coreAI ? "Core AI " : ""
            return prefix + (units.includesGPU ? "GPU" : units.name)
        }

        func makeConfiguration() -> MLModelConfiguration {
            let configuration = MLModelConfiguration()
            configuration.computeUnits = units
            configuration.allowLowPrecisionAccumulationOnGPU = allowsLowPrecisionAccumulation
            return configuration
        }
    }

    /// What the attempts of one start have come to.
    private struct AttemptLog {
        var rejections: [ActiveComputeUnits.Rejection] = []
        var hasRun = false
        var hasFailedToRun = false

        mutating func reject(_ rung: Rung, _ reason: String) {
            rejections.append(.init(setup: rung.setup, reason: reason))
        }
    }

    let store: ModelStore
    let model: any ConvertedModel
    let goldenInput: any GoldenInput
    let requested: ComputeUnits

    /// The ladder of the detector's model.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing` or `.resourceDamaged` if its golden input cannot be had.
    static func detector(_ store: ModelStore, _ requested: ComputeUnits) throws -> ModelLadder {
        let model = ModelSpecification.shipped
        let goldenInput = try SelfTest(store.data(SelfTest.fileName), specification: model)
        return ModelLadder(store: store, model: model, goldenInput: goldenInput, requested: requested)
    }

    /// Returns the model, started on the rung that an earlier start took, else on one that is found now.
    ///
    /// - Throws: `FaceDetectorError.selfTestFailed` if it gives right results on none, `.resourceDamaged` if it can be loaded
    ///   on none, and at once if a resource is missing or not the one this package was generated with.
    func start(on worker: isolated ModelWorker) async throws -> StartedModel {
        if let kept = store.journal.outcome(outcomeKey), let rung = rungs.first(where: { $0.setup == kept.setup }) {
            var log = AttemptLog()
            if let runner = try await attempt(rung, &log, on: worker) {
                let rejections = kept.rejections.map {
                    ActiveComputeUnits.Rejection(setup: $0.setup, reason: $0.reason)
                }
                return started(runner, rung, rejections, isProvisional: false)
            }
            if !log.hasFailedToRun { store.journal.keep(nil, outcomeKey) }
        }
        return try await search(on: worker)
    }

    private func search(on worker: isolated ModelWorker) async throws -> StartedModel {
        var log = AttemptLog()
        var passed: [(rung: Rung, runner: any ModelRunner)] = []
        for rung in rungs where !passed.contains(where: { $0.rung.units == rung.units }) {
            guard let runner = try await attempt(rung, &log, on: worker) else { continue }
            passed.append((rung, runner))
            if requested != .automatic { break }
        }
        guard !passed.isEmpty else {
            if rungs.isEmpty {
                throw FaceDetectorError.resourceDamaged(
                    name: model.resources[0].name, detail: "this system has no runtime for it.")
            }
            let detail = log.rejections.map { "\($0.setup): \($0.reason)" }.joined(separator: "; ")
            if log.hasRun { throw FaceDetectorError.selfTestFailed(detail: detail) }
            throw FaceDetectorError.resourceDamaged(name: model.resources[0].name, detail: detail)
        }
        let best = fastest(of: passed, &log)
        if !log.hasFailedToRun {
            let rejections = log.rejections.map {
                StartJournal.Outcome.Rejection(setup: $0.setup, reason: $0.reason)
            }
            store.journal.keep(.init(setup: best.rung.setup, rejections: rejections), outcomeKey)
        }
        return started(best.runner, best.rung, log.rejections, isProvisional: log.hasFailedToRun)
    }

    /// Returns the model on a rung if it gives right results there, else nil, having noted why not.
    private func attempt(
        _ rung: Rung, _ log: inout AttemptLog, on worker: isolated ModelWorker
    ) async throws -> (any ModelRunner)? {
        let journal = store.journal
        let key = "\(modelKey) \(rung.place)"
        let hasOtherRuntime = rung.resource.runtime != model.resources.last?.runtime
        // What the last runtime does on the CPU is the last resort, whatever happened there.
        let isWatched = rung.units != .cpuOnly || hasOtherRuntime
        if isWatched, journal.deaths(key) >= StartJournal.deathsAllowed {
            log.reject(rung, "the app ended \(StartJournal.deathsAllowed) times in a row while this was tried")
            return nil
        }
        if isWatched { journal.begin(key) }
        defer { if isWatched { journal.end(key) } }
        do {
            let runner = try await store.makeRunner(rung, of: model, on: worker)
            try runner.writeInput { goldenInput.picture.write(into: $0, bytesPerRow: $1) }
            try runner.runFirst()
            log.hasRun = true
            let outcome = goldenInput.compare(runner.outputs)
            if outcome.hasPassed { return runner }
            log.reject(rung, "wrong results, \(outcome.summary)")
        } catch let error as FaceDetectorError where error.mayDependOnRung(hasOtherRuntime: hasOtherRuntime) {
            if case .predictionFailed = error, isWatched { log.hasFailedToRun = true }
            log.reject(rung, error.localizedDescription)
        }
        return nil
    }

    /// Returns what runs the golden input fastest, and notes how long the others took.
    private func fastest(
        of passed: [(rung: Rung, runner: any ModelRunner)], _ log: inout AttemptLog
    ) -> (rung: Rung, runner: any ModelRunner) {
        guard passed.count > 1 else { return passed[0] }
        var times = Array(repeating: [Double](), count: passed.count)
        // In turns, so that whatever else the device does meets all of them.
        for _ in 0..<Self.timedRuns {
            for (index, candidate) in passed.enumerated() {
                let before = store.device.now()
                let hasRun = (try? candidate.runner.run()) != nil
                times[index].append(hasRun ? store.device.now() - before : .infinity)
            }
        }
        let medians = times.map { $0.sorted()[Self.timedRuns / 2] }
        let best = medians.indices.min { medians[$0] < medians[$1] }!
        func text(_ seconds: Double) -> String { String(format: "%.2f ms", seconds * 1e3) }
        for index in passed.indices where index != best {
            log.reject(
                passed[index].rung,
                medians[index].isFinite
                    ? "slower, \(text(medians[index])) a run for \(text(medians[best]))" : "it failed to run again")
        }
        return passed[best]
    }

    private static let timedRuns = 5

    private func started(
        _ runner: any ModelRunner, _ rung: Rung, _ rejections: [ActiveComputeUnits.Rejection], isProvisional: Bool
    ) -> StartedModel {
        let active = ActiveComputeUnits(
            runtime: rung.resource.runtime,
            units: rung.units,
            precision: rung.resource.precision,
            allowsLowPrecisionAccumulation: rung.allowsLowPrecisionAccumulation,
            rejections: rejections
        )
        return StartedModel(runner: runner, active: active, isProvisional: isProvisional)
    }

    private var modelKey: String { String(model.resources[0].packageSHA256.prefix(16)) }

    private var outcomeKey: String { "\(modelKey) \(requested.rawValue)" }

    private var rungs: [Rung] {
        requested.units(on: store.device).flatMap { units in
            model.resources.filter { store.has($0.runtime) }.flatMap { resource in
                // The GPU alone may also add up in half precision, and only Core ML asks.
                let mayAsk = units.includesGPU && resource.precision == .float16 && resource.runtime == .coreML
                let sums = mayAsk ? [true, false] : [false]
                return sums.map { Rung(resource: resource, units: units, allowsLowPrecisionAccumulation: $0) }
            }
        }
    }
}

extension FaceDetectorError {
    /// Whether other compute units or another runtime may help: not where a resource is missing or another than it should be.
    fileprivate func mayDependOnRung(hasOtherRuntime: Bool) -> Bool {
        switch self {
        case .resourceDamaged, .predictionFailed: return true
        case .modelInterfaceMismatch: return hasOtherRuntime
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

extension FaceDetector {
    /// Returns the picture of the golden input, which holds a face.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing` or `.resourceDamaged`.
    package static func goldenPicture() throws -> GoldenPicture {
        try SelfTest(ModelStore.shipped.data(SelfTest.fileName), specification: .shipped).picture
    }
}
