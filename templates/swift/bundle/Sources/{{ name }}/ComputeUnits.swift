// SPDX-License-Identifier: Apache-2.0

import CoreML

/// Where a model may run.
public enum ComputeUnits: String, Sendable, Hashable, CaseIterable {
    /// Whatever is fastest on this device: GPU, Neural Engine and CPU are timed at the first start, and what was found is
    /// kept until the system is updated.
    case automatic
    /// The GPU, that is Metal; the Neural Engine, then the CPU, where the GPU does not work.
    case cpuAndGPU
    /// The Neural Engine; the CPU where it does not work. It also works in the background.
    case cpuAndNeuralEngine
    /// What Core ML chooses among all.
    case all
    /// The CPU alone. It also works in the background.
    case cpuOnly

    /// In which order units are tried.
    func units(on device: Device) -> [MLComputeUnits] {
        if device.isSimulator { return [.cpuOnly] }
        switch self {
        case .automatic, .cpuAndGPU: return [.cpuAndGPU, .cpuAndNeuralEngine, .cpuOnly]
        case .cpuAndNeuralEngine: return [.cpuAndNeuralEngine, .cpuOnly]
        case .all: return [.all, .cpuAndNeuralEngine, .cpuOnly]
        case .cpuOnly: return [.cpuOnly]
        }
    }
}
