// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Finds the folder with the package's resources.
///
/// The `Bundle.module` that SwiftPM generates ends the app where the bundle is not in the places it knows, as in SwiftUI
/// previews, in static frameworks, and with Bazel or Tuist. This looks in more places, and throws.
enum ResourceFolder {
    private final class Marker {}

    /// The module, and with it the resource bundle, is named by whoever generated the package.
    private static let bundleName: String = {
        let module = String(reflecting: Marker.self).prefix { $0 != "." }
        return "\(module)_\(module)"
    }()

    /// Returns the folder that this package's build system has made.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing`.
    static func find() throws -> URL {
        let own = Bundle(for: Marker.self)
        // Previews and tests keep the resources beside the code, or some folders above it.
        var above: [URL] = []
        var folder = own.bundleURL
        for _ in 0..<3 {
            folder.deleteLastPathComponent()
            above.append(folder)
        }
        return try find(in: places(of: .main) + places(of: own) + above)
    }

    /// Returns the folder within a bundle.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing`.
    static func find(in bundle: Bundle) throws -> URL { try find(in: places(of: bundle)) }

    /// Returns the first folder with this package's resources: one of some folders, or in a resource bundle there.
    ///
    /// - Throws: `FaceDetectorError.resourceMissing`.
    static func find(in places: [URL]) throws -> URL {
        let names = ["\(bundleName).bundle", "\(bundleName).resources", ""]
        for place in places {
            for name in names {
                let bundle = name.isEmpty ? place : place.appendingPathComponent(name)
                for inner in ["", "Resources", "Contents/Resources"] {
                    let folder = inner.isEmpty ? bundle : bundle.appendingPathComponent(inner)
                    let file = folder.appendingPathComponent(SelfTest.fileName)
                    if FileManager.default.fileExists(atPath: file.path) { return folder }
                }
            }
        }
        throw FaceDetectorError.resourceMissing(name: "\(bundleName).bundle")
    }

    private static func places(of bundle: Bundle) -> [URL] {
        [bundle.resourceURL, bundle.bundleURL].compactMap { $0 }
    }
}
