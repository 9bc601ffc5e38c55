// SPDX-License-Identifier: Apache-2.0

import CoreML

/// What a detector's model runs on, and why.
///
/// Core ML takes the compute units as a permission: with `.cpuAndGPU` it may still keep single operations on the CPU. Core AI
/// takes them as a preference, and keeps to the CPU alone where that is asked for.
public struct ActiveComputeUnits: Sendable, Hashable {
    /// A way to run the model that was tried and not taken.
    public struct Rejection: Sendable, Hashable {
        /// The way, as in "CPU and GPU, float16".
        public let setup: String
        /// What was wrong with it.
        public let reason: String
    }

    /// What runs the model.
    public let runtime: ModelRuntime
    /// Where it may run the model.
    public let units: MLComputeUnits
    /// The arithmetic of the model in use.
    public let precision: ModelPrecision
    /// Whether the GPU may also add up in half precision, which is faster.
    public let allowsLowPrecisionAccumulation: Bool
    /// The other ways that were tried, at this start or an earlier one, and why each was not taken.
    public let rejections: [Rejection]

    /// Why the model runs on these units, in a sentence.
    public var reason: String {
        let passed = "\(setup) passed the self-test"
        guard !rejections.isEmpty else { return "\(passed), as asked for." }
        return "\(passed); not taken, " + rejections.map { "\($0.setup): \($0.reason)" }.joined(separator: "; ")
    }

    /// Returns the same for use until a start on `units` is over.
    func until(_ units: ComputeUnits) -> ActiveComputeUnits {
        ActiveComputeUnits(
            runtime: runtime, units: self.units, precision: precision,
            allowsLowPrecisionAccumulation: allowsLowPrecisionAccumulation,
            rejections: rejections + [Rejection(setup: "\(units)", reason: "still starting")])
    }

    var setup: String { runtime.nameSetup(units, precision, sumsInHalf: allowsLowPrecisionAccumulation) }
}

extension ModelRuntime {
    /// Returns what a way to run a model is called, as in "CPU and GPU, float16"; that it is Core ML goes without saying.
    func nameSetup(_ units: MLComputeUnits, _ precision: ModelPrecision, sumsInHalf: Bool) -> String {
        let prefix = self == .coreAI ? "Core AI, " : ""
        let accumulation = sumsInHalf ? " with float16 accumulation" : ""
        return "\(prefix)\(units.name), \(precision.rawValue)\(accumulation)"
    }
}

extension ActiveComputeUnits: CustomStringConvertible {
    /// The same as `reason`.
    public var description: String { reason }
}

extension MLComputeUnits {
    var name: String {
        switch self {
        case .cpuOnly: return "CPU"
        case .cpuAndGPU: return "CPU and GPU"
        case .cpuAndNeuralEngine: return "CPU and Neural Engine"
        case .all: return "all units"
        @unknown default: return "units \(rawValue)"
        }
    }

    var includesGPU: Bool { self == .cpuAndGPU || self == .all }
}
