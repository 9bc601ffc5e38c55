// swift-tools-version: 5.9

// The rendered package's targets, built where there is no Mac: against declarations of Apple's frameworks, with the
// tests that hold them to the golden vectors, and the benchmark. `harness.py` puts the sources beside this file.

import Foundation
import PackageDescription

let macOS = Context.environment["HARNESS_PLATFORM"] == "macOS"
let userInterface = macOS ? "AppKit" : "UIKit"
var frameworks = [
    "AVFoundation", "CoreML", "CoreVideo", "CoreMedia", "CoreGraphics", "CoreImage", "CryptoKit", "ImageIO", "QuartzCore",
    "SwiftUI", "os", userInterface,
]
// Older systems are tried by leaving it out.
if Context.environment["HARNESS_CORE_AI"] != nil { frameworks.append("CoreAI") }
// The sample app is built only when asked for.
let withExample = Context.environment["HARNESS_EXAMPLE"] != nil
let onTopOf = [
    "CoreVideo": ["CoreGraphics"], "CoreMedia": ["CoreVideo"], "CoreML": ["CoreVideo"], "ImageIO": ["CoreGraphics"],
    "CoreImage": ["CoreGraphics"], "QuartzCore": ["CoreGraphics"], "UIKit": ["CoreImage", "QuartzCore"], "AppKit": ["CoreGraphics"],
    "AVFoundation": ["CoreMedia", "QuartzCore"], "SwiftUI": ["CoreGraphics", userInterface],
]

func dependencies(_ names: [String]) -> [Target.Dependency] { names.map { .target(name: $0) } }

let language = Context.environment["HARNESS_LANGUAGE"] ?? "6"
let strict: [SwiftSetting] = [.unsafeFlags(["-warnings-as-errors", "-swift-version", language])]

// As in Apple's frameworks, enumerations may grow, so that clients have to say what they do then.
let stubs: [Target] = frameworks.map { name in
    // Hashes of whole models are taken, also in a debug build.
    let optimized = name == "CryptoKit" ? ["-O"] : []
    return .target(
        name: name, dependencies: dependencies(onTopOf[name] ?? []), path: "Stubs/\(name)",
        swiftSettings: [.unsafeFlags(["-enable-library-evolution"] + optimized)])
}

var targets: [Target] = [
    .target(name: "BlazeFaceCore", swiftSettings: strict),
    .target(
        name: "BlazeFace", dependencies: dependencies(["BlazeFaceCore"] + frameworks), resources: [.copy("Resources")],
        swiftSettings: strict),
    .target(name: "BlazeFaceBenchmark", dependencies: ["BlazeFace", "BlazeFaceCore"], swiftSettings: strict),
    .testTarget(name: "GoldenTests", dependencies: ["BlazeFaceCore"], swiftSettings: strict),
    .testTarget(name: "DetectorTests", dependencies: ["BlazeFace", "BlazeFaceBenchmark", "BlazeFaceCore"], swiftSettings: strict),
    .testTarget(name: "PerformanceTests", dependencies: ["BlazeFace", "BlazeFaceBenchmark", "BlazeFaceCore"], swiftSettings: strict),
]

// The benchmarks are built only when asked for; only a package that tracks has all. Runner is the C program that measures
// models on devices, but for what reads its command line: a way to LiteRT.
let benchmarks = ["Allocations", "Measure", "Runner", "Benchmark", "TrackingBenchmark", "FollowBenchmark"].filter {
    FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/Sources/\($0)")
}
if Context.environment["HARNESS_BENCHMARK"] != nil {
    targets += [
        .target(name: "Allocations"),
        .target(name: "Measure", dependencies: ["BlazeFaceCore", "Allocations"], swiftSettings: strict),
    ]
    targets += benchmarks.filter { $0.hasSuffix("Benchmark") }.map { name in
        let tools = name == "FollowBenchmark" ? "Runner" : "Measure"
        return .executableTarget(
            name: name, dependencies: dependencies(["BlazeFaceCore", tools]), swiftSettings: strict)
    }
    if benchmarks.contains("Runner") {
        targets.append(.target(name: "Runner", cSettings: [.define("_GNU_SOURCE")]))
    }
}

if withExample {
    targets.append(
        .executableTarget(
            name: "FaceOverlay", dependencies: dependencies(["BlazeFace", "BlazeFaceBenchmark", "AVFoundation", "SwiftUI", "UIKit"]), path: "Example",
            swiftSettings: strict))
}

// What Scripts/make-xcframework.sh builds: all sources in one module.
if Context.environment["HARNESS_FRAMEWORK"] != nil {
    targets = [
        .target(
            name: "BlazeFace", dependencies: dependencies(frameworks), path: "Sources",
            exclude: benchmarks + ["BlazeFaceBenchmark"], resources: [.copy("BlazeFace/Resources")],
            swiftSettings: strict + [.define("SDKGEN_FRAMEWORK")])
    ]
}

let package = Package(name: "BlazeFace", targets: stubs + targets)
