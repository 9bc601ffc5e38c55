// SPDX-License-Identifier: Apache-2.0

import CoreML
import CryptoKit
import Foundation

/// A model that nobody else has yet, so that it may go to whoever runs it.
struct LoadedModel: @unchecked Sendable {
    let model: MLModel
}

/// Finds the package's models, compiles them where nobody has yet, and loads them.
struct ModelStore: Sendable {
    /// Where the resources are.
    let resources: URL
    /// Where models that are compiled on the device are kept, each under its name and the hash of what it was made of.
    let cache: URL
    let device: Device

    /// What earlier starts have shown.
    var journal: StartJournal {
        StartJournal(file: cache.appendingPathComponent(StartJournal.fileName), system: device.system)
    }

    /// The resources in this package's bundle.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing` if they are in none of the places where build systems put them.
    static var shipped: ModelStore {
        get throws { ModelStore(resources: try ResourceFolder.find()) }
    }

    /// - Parameter cache: By default a folder named by this app: on a Mac, apps share their caches.
    init(resources: URL, cache: URL = Self.appCache, device: Device = .current) {
        self.resources = resources
        self.cache = cache
        self.device = device
    }

    /// A folder in this app's part of the caches.
    static var appCache: URL {
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
        let app = Bundle.main.bundleIdentifier ?? ProcessInfo.processInfo.processName
        return (caches ?? FileManager.default.temporaryDirectory)
            .appendingPathComponent(app).appendingPathComponent("FaceDetectorModels")
    }

    /// Returns what the file `name` among the resources holds.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing`.
    func data(_ name: String) throws -> Data {
        guard let data = try? Data(contentsOf: resources.appendingPathComponent(name)) else {
            throw FaceDetectorError.resourceMissing(name: name)
        }
        return data
    }

    /// Returns one of a model's converted forms, loaded.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing`, `.resourceDamaged` if Core ML refuses it, or
    ///   `.modelHashMismatch` if it is not the one this package was generated with.
    func load(
        _ rung: ModelLadder.Rung, of specification: any ConvertedModel, on worker: isolated ModelWorker
    ) async throws -> LoadedModel {
        let resource = rung.resource
        let model: LoadedModel
        let compiled = resources.appendingPathComponent("\(resource.name).mlmodelc")
        if compiled.isFolder {
            model = try await load(compiled, rung)
        } else {
            model = try await loadCompiling(rung, on: worker)
        }
        try checkWeights(of: model.model, specification, resource)
        return model
    }

    /// A model that was not compiled ahead of time is compiled at first start.
    private func loadCompiling(
        _ rung: ModelLadder.Rung, on worker: isolated ModelWorker
    ) async throws -> LoadedModel {
        let resource = rung.resource
        let package = resources.appendingPathComponent("\(resource.name).mlpackage")
        guard package.isFolder else { throw FaceDetectorError.resourceMissing(name: "\(resource.name).mlpackage") }
        let found = try Self.sha256(ofFolder: package)
        guard found == resource.packageSHA256 else {
            throw FaceDetectorError.modelHashMismatch(
                name: resource.name, expected: resource.packageSHA256, found: found)
        }
        let cached = cache.appendingPathComponent("\(resource.name)-\(found).mlmodelc")
        if cached.isFolder {
            if let model = try? await load(cached, rung) { return model }
            // Made by another system version, or damaged: it is made anew.
            try? FileManager.default.removeItem(at: cached)
        }
        return try await load(compile(package, into: cached, resource), rung)
    }

    private func load(
        _ url: URL, _ rung: ModelLadder.Rung
    ) async throws -> LoadedModel {
        do {
            return LoadedModel(
                model: try await MLModel.load(contentsOf: url, configuration: rung.makeConfiguration()))
        } catch {
            throw FaceDetectorError.resourceDamaged(name: rung.resource.name, detail: error.localizedDescription)
        }
    }

    /// Returns where the compiled model is: in the cache, or where Core ML left it if the cache cannot be written.
    private func compile(
        _ package: URL, into cached: URL, _ resource: ModelSpecification.Resource
    ) async throws -> URL {
        let compiled: URL
        do {
            compiled = try await MLModel.compileModel(at: package)
        } catch {
            throw FaceDetectorError.resourceDamaged(name: resource.name, detail: error.localizedDescription)
        }
        do {
            try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
            try FileManager.default.moveItem(at: compiled, to: cached)
        } catch {
            return cached.isFolder ? cached : compiled
        }
        removeOlder(than: cached, resource)
        return cached
    }

    /// Removes what was compiled of a model for an earlier version of the package.
    private func removeOlder(than cached: URL, _ resource: ModelSpecification.Resource) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: cache.path)) ?? []
        for name in names where name.hasPrefix("\(resource.name)-") && name != cached.lastPathComponent {
            try? FileManager.default.removeItem(at: cache.appendingPathComponent(name))
        }
    }

    /// Checks the hash of the weights that the model carries, which survives compilation.
    private func checkWeights(
        of model: MLModel, _ specification: any ConvertedModel, _ resource: ModelSpecification.Resource
    ) throws {
        let metadata = model.modelDescription.metadata[.creatorDefinedKey] as? [String: String]
        let found = metadata?["sdkgen.weights.sha256"] ?? "missing"
        guard found == specification.weightsSHA256 else {
            throw FaceDetectorError.modelHashMismatch(
                name: resource.name, expected: specification.weightsSHA256, found: found)
        }
    }

    /// Returns the sha256 over the relative names and contents of a folder's files: what the manifest records.
    static func sha256(ofFolder folder: URL) throws -> String {
        // By path, so that the names are relative: URLs may come back with another spelling of the folder, as
        // /private/var does for /var, where an iPhone keeps its apps.
        guard let walk = FileManager.default.enumerator(atPath: folder.path) else {
            throw FaceDetectorError.resourceDamaged(name: folder.lastPathComponent, detail: "it cannot be read.")
        }
        var hashes: [String: String] = [:]
        for case let name as String in walk where !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }) {
            let file = folder.appendingPathComponent(name)
            if file.isFolder { continue }
            guard let content = try? Data(contentsOf: file) else {
                throw FaceDetectorError.resourceDamaged(
                    name: folder.lastPathComponent, detail: "\(name) cannot be read.")
            }
            hashes[name] = SHA256.hash(data: content).hexadecimal
        }
        var total = SHA256()
        for name in hashes.keys.sorted() { total.update(data: Data("\(name)\0\(hashes[name]!)\n".utf8)) }
        return total.finalize().hexadecimal
    }
}

extension URL {
    fileprivate var isFolder: Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}

extension Sequence<UInt8> {
    /// The bytes as lower-case hexadecimal digits.
    fileprivate var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
