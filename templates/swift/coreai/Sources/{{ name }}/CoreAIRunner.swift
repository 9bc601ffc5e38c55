// SPDX-License-Identifier: Apache-2.0

// What is used of Core AI, and where it is documented: AIModel, InferenceFunction, InferenceValue, NDArray and
// SpecializationOptions in developer.apple.com/documentation/coreai; the layout of arrays and the use of descriptors also
// in github.com/apple/coreai-models, swift/Sources/CoreAIShared/Runtime/NDArray+Helpers.swift.
#if canImport(CoreAI)
    import CoreAI
    import CoreML
    import Dispatch
    import Foundation

    /// Runs a Core AI model from one reused array into memory allocated once.
    ///
    /// It belongs to one detector, which runs it from one thread at a time; while that thread waits, `infer` has it alone.
    @available(iOS 27, macOS 27, macCatalyst 27, visionOS 27, *)
    final class CoreAIRunner: ModelRunner, @unchecked Sendable {
        let outputs: RawOutputs
        private(set) var hasFailed = false

        private let function: InferenceFunction
        private let input: ModelSpecification.Input
        private let pixels: UnsafeMutableBufferPointer<UInt8>
        private var array: NDArray

        private static let entry = "main"
        private static let channels = 3
        private static let bytesPerPixel = 4

        /// - Throws: `FaceDetectorError.resourceDamaged` if Core AI refuses the model, `.modelInterfaceMismatch` if it has
        ///   other inputs or outputs than the specification.
        init(_ asset: URL, _ rung: ModelLadder.Rung, _ specification: any ConvertedModel) async throws {
            input = specification.input
            let found: InferenceFunction?
            do {
                let model = try await AIModel(contentsOf: asset, options: rung.units.specialization)
                found = try model.loadFunction(named: Self.entry)
            } catch {
                throw FaceDetectorError.resourceDamaged(name: rung.resource.name, detail: error.localizedDescription)
            }
            guard let found else { throw Self.mismatch("there is no function \(Self.entry).") }
            function = found
            let shape = [1, Self.channels, input.height, input.width]
            guard case .ndArray(let descriptor) = found.descriptor.inputDescriptor(of: input.name),
                descriptor.scalarType == .float32, descriptor.shape == shape
            else { throw Self.mismatch("the input \(input.name) is missing, or not \(shape) of type float32.") }
            for output in specification.outputs {
                guard case .ndArray(let descriptor) = found.descriptor.outputDescriptor(of: output.name),
                    descriptor.scalarType == .float32, descriptor.shape == output.shape
                else {
                    throw Self.mismatch("the output \(output.name) is missing, or not \(output.shape) of type float32.")
                }
            }
            let memory = NDArray(descriptor: descriptor)
            guard memory.view(as: Float.self).interleaveLayout == nil else {
                throw Self.mismatch("the input \(input.name) is interleaved.")
            }
            array = memory
            outputs = RawOutputs(specification)
            pixels = .allocate(capacity: input.width * input.height * Self.bytesPerPixel)
            pixels.initialize(repeating: 0)
        }

        deinit { pixels.deallocate() }

        func writeInput<Result>(_ body: (UnsafeMutableRawPointer, Int) throws -> Result) throws -> Result {
            try body(UnsafeMutableRawPointer(pixels.baseAddress!), input.width * Self.bytesPerPixel)
        }

        func runFirst() throws { try run() }

        func run() throws {
            outputs.invalidate()
            fillArray()
            do {
                try wait { [self] in try await infer() }
            } catch let error as FaceDetectorError {
                throw error
            } catch {
                hasFailed = true
                throw FaceDetectorError.predictionFailed(detail: error.localizedDescription)
            }
            outputs.gather()
            if outputs.areInvalid { hasFailed = true }
        }

        private func infer() async throws {
            var results = try await function.run(inputs: [input.name: array])
            for tensor in outputs.tensors {
                guard let found = results.remove(tensor.name)?.ndArray else {
                    throw Self.mismatch("there is no array \(tensor.name).")
                }
                try tensor.take(found)
            }
        }

        /// Writes the input's bytes, blue first, as planes of red, green and blue in the model's range.
        private func fillArray() {
            let scale = (input.maximum - input.minimum) / 255
            let view = array.mutableView(as: Float.self)
            view.withUnsafeMutablePointer { values, _, strides in
                for row in 0..<input.height {
                    for column in 0..<input.width {
                        let pixel = (row * input.width + column) * Self.bytesPerPixel
                        let target = row * strides[2] + column * strides[3]
                        for channel in 0..<Self.channels {
                            let byte = pixels[pixel + Self.channels - 1 - channel]
                            values[target + channel * strides[1]] = Float(byte) * scale + input.minimum
                        }
                    }
                }
            }
        }

        /// Blocks this thread until `body` has ended.
        ///
        /// Core AI has no run that blocks. Were the detector's actor to suspend instead, another call could come between the
        /// input and the outputs. The thread that waits is the detector's own, none of the few that Swift's tasks share.
        private func wait(for body: @escaping @Sendable () async throws -> Void) throws {
            let end = DispatchSemaphore(value: 0)
            let failure = Shared<(any Error)?>(nil)
            Task.detached(priority: .userInitiated) {
                do { try await body() } catch { failure.value = error }
                end.signal()
            }
            end.wait()
            if let error = failure.value { throw error }
        }

        fileprivate static func mismatch(_ detail: String) -> FaceDetectorError {
            .modelInterfaceMismatch(detail: detail)
        }
    }

    extension RawOutputs.Tensor {
        /// Copies an output here.
        ///
        /// - Throws: `FaceDetectorError.modelInterfaceMismatch` if it has another type, shape or layout.
        @available(iOS 27, macOS 27, macCatalyst 27, visionOS 27, *)
        fileprivate func take(_ array: NDArray) throws {
            guard array.scalarType == .float32, array.shape == shape else {
                throw CoreAIRunner.mismatch(
                    "the output \(name) is \(array.shape) of type \(array.scalarType), not \(shape) of type float32.")
            }
            let view = array.view(as: Float.self)
            guard view.interleaveLayout == nil else {
                throw CoreAIRunner.mismatch("the output \(name) is interleaved.")
            }
            view.withUnsafePointer { source, _, strides in
                // Compute units may pad rows, so every row is looked up by its strides.
                let last = shape.count - 1
                for row in 0..<values.count / width {
                    var rest = row
                    var offset = 0
                    for axis in (0..<last).reversed() {
                        let (quotient, position) = rest.quotientAndRemainder(dividingBy: shape[axis])
                        offset += position * strides[axis]
                        rest = quotient
                    }
                    for column in 0..<width { values[row * width + column] = source[offset + column * strides[last]] }
                }
            }
        }
    }

    extension MLComputeUnits {
        /// The same for Core AI, which takes a preference for one kind of unit, and leaves out units only for the CPU alone.
        @available(iOS 27, macOS 27, macCatalyst 27, visionOS 27, *)
        fileprivate var specialization: SpecializationOptions {
            switch self {
            case .cpuOnly: return .cpuOnly
            case .cpuAndGPU: return SpecializationOptions(preferredComputeUnitKind: .gpu)
            case .cpuAndNeuralEngine: return SpecializationOptions(preferredComputeUnitKind: .neuralEngine)
            default: return .default
            }
        }
    }
#endif
