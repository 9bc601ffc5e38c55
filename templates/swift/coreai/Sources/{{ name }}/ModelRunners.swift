// SPDX-License-Identifier: Apache-2.0

import CoreML
import Foundation

#if canImport(CoreAI)
    import CoreAI
#endif

/// Which runtimes this package has, and which of them the system has.
extension ModelStore {
    /// Whether the models of a runtime can be run on this system.
    func has(_ runtime: ModelRuntime) -> Bool {
        if runtime == .coreML { return true }
        #if canImport(CoreAI)
            if #available(iOS 27, macOS 27, macCatalyst 27, visionOS 27, *) { return true }
        #endif
        return false
    }

    /// Returns what runs a model on a rung.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing`, `.resourceDamaged` if the runtime refuses the model,
    ///   `.modelHashMismatch` if it is not the one this package was generated with, `.modelInterfaceMismatch`.
    func makeRunner(
        _ rung: ModelLadder.Rung, of model: any ConvertedModel, on worker: isolated ModelWorker
    ) async throws -> any ModelRunner {
        #if canImport(CoreAI)
            if rung.resource.runtime == .coreAI, #available(iOS 27, macOS 27, macCatalyst 27, visionOS 27, *) {
                return try await CoreAIRunner(findAsset(rung.resource), rung, model)
            }
        #endif
        let loaded = try await load(rung, of: model, on: worker)
        return try CoreMLRunner(loaded.model, model)
    }

    #if canImport(CoreAI)
        /// Returns where a Core AI model is: compiled for this device's architecture if somebody has done that, else as it was
        /// generated, checked against its hash.
        @available(iOS 27, macOS 27, macCatalyst 27, visionOS 27, *)
        private func findAsset(_ resource: ModelSpecification.Resource) throws -> URL {
            let compiled = resources.appendingPathComponent(
                "\(resource.name)-\(AIModel.deviceArchitectureName).aimodelc")
            if FileManager.default.fileExists(atPath: compiled.path) { return compiled }
            let asset = resources.appendingPathComponent("\(resource.name).aimodel")
            guard FileManager.default.fileExists(atPath: asset.path) else {
                throw FaceDetectorError.resourceMissing(name: asset.lastPathComponent)
            }
            let found = try Self.sha256(ofFolder: asset)
            guard found == resource.packageSHA256 else {
                throw FaceDetectorError.modelHashMismatch(
                    name: resource.name, expected: resource.packageSHA256, found: found)
            }
            return asset
        }
    #endif
}
