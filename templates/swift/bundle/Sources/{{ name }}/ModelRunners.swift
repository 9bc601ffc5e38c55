// SPDX-License-Identifier: Apache-2.0

import CoreML

/// Which runtimes this package has. Packages that also ship Core AI models have another file in this one's place.
extension ModelStore {
    /// Whether the models of a runtime can be run on this system.
    func has(_ runtime: ModelRuntime) -> Bool { runtime == .coreML }

    /// Returns what runs a model on a rung.
    ///
    /// - Throws: As `load(_:of:on:)`, and `FaceDetectorError.modelInterfaceMismatch`.
    func makeRunner(
        _ rung: ModelLadder.Rung, of model: any ConvertedModel, on worker: isolated ModelWorker
    ) async throws -> any ModelRunner {
        let loaded = try await load(rung, of: model, on: worker)
        return try CoreMLRunner(loaded.model, model)
    }
}
