// SPDX-License-Identifier: Apache-2.0

import CoreML
import CoreVideo

/// Runs a Core ML model from one reused pixel buffer into memory allocated once.
final class CoreMLRunner: ModelRunner {
    let outputs: RawOutputs

    private(set) var hasFailed = false

    private let model: MLModel
    private let input: CVPixelBuffer
    private let features: InputFeatures
    private let options = MLPredictionOptions()

    /// - Throws: `FaceDetectorError.modelInterfaceMismatch` if the model has other inputs or outputs than the
    ///   specification, `.invalidPixelBuffer` if there is no memory for the input.
    init(_ model: MLModel, _ specification: any ConvertedModel) throws {
        self.model = model
        try Self.check(model.modelDescription, specification)
        input = try Self.makeInput(specification.input)
        features = InputFeatures(name: specification.input.name, pixelBuffer: input)
        outputs = RawOutputs(specification)
        options.outputBackings = try Self.backings(of: outputs)
    }

    func writeInput<Result>(_ body: (UnsafeMutableRawPointer, Int) throws -> Result) throws -> Result {
        try input.lock([])
        defer { CVPixelBufferUnlockBaseAddress(input, []) }
        guard let base = CVPixelBufferGetBaseAddress(input) else {
            throw FaceDetectorError.invalidPixelBuffer(detail: "the model's input has no memory to write to.")
        }
        return try body(base, CVPixelBufferGetBytesPerRow(input))
    }

    /// Runs the model for the first time: where Core ML refuses to write into our memory, it allocates its own.
    func runFirst() throws {
        do {
            try run()
        } catch FaceDetectorError.predictionFailed {
            options.outputBackings = [:]
            hasFailed = false
            try run()
        }
    }

    func run() throws {
        outputs.invalidate()
        let result: any MLFeatureProvider
        do {
            result = try model.prediction(from: features, options: options)
        } catch {
            hasFailed = true
            throw FaceDetectorError.predictionFailed(detail: error.localizedDescription)
        }
        for tensor in outputs.tensors {
            guard let found = result.featureValue(for: tensor.name)?.multiArrayValue else {
                throw FaceDetectorError.modelInterfaceMismatch(detail: "there is no array \(tensor.name).")
            }
            try tensor.take(found)
        }
        outputs.gather()
        if outputs.areInvalid { hasFailed = true }
    }

    private static func check(_ description: MLModelDescription, _ specification: any ConvertedModel) throws {
        func mismatch(_ detail: String) -> FaceDetectorError { .modelInterfaceMismatch(detail: detail) }
        let input = specification.input
        guard let image = description.inputDescriptionsByName[input.name]?.imageConstraint else {
            throw mismatch("the input \(input.name) is missing or no image.")
        }
        guard image.pixelsWide == input.width, image.pixelsHigh == input.height else {
            throw mismatch(
                "the input is \(image.pixelsWide) × \(image.pixelsHigh) pixels, not \(input.width) × \(input.height).")
        }
        for output in specification.outputs where description.outputDescriptionsByName[output.name] == nil {
            throw mismatch("the output \(output.name) is missing.")
        }
    }

    private static func makeInput(_ input: ModelSpecification.Input) throws -> CVPixelBuffer {
        var buffer: CVPixelBuffer?
        // Memory that the GPU reads where it is.
        let attributes: [CFString: Any] = [
            kCVPixelBufferIOSurfacePropertiesKey: [CFString: Any](),
            kCVPixelBufferMetalCompatibilityKey: true,
        ]
        let status = CVPixelBufferCreate(
            nil, input.width, input.height, kCVPixelFormatType_32BGRA, attributes as CFDictionary, &buffer)
        guard status == kCVReturnSuccess, let buffer else {
            throw FaceDetectorError.invalidPixelBuffer(
                detail: "making the model's input failed with the status \(status).")
        }
        return buffer
    }

    private static func backings(of outputs: RawOutputs) throws -> [String: Any] {
        var backings: [String: Any] = [:]
        for tensor in outputs.tensors {
            do {
                // The array keeps the memory's owner alive for as long as Core ML keeps the array.
                backings[tensor.name] = try MLMultiArray(
                    dataPointer: UnsafeMutableRawPointer(tensor.values.baseAddress!),
                    shape: tensor.shape.map(NSNumber.init(value:)),
                    dataType: .float32,
                    strides: tensor.strides.map(NSNumber.init(value:)),
                    deallocator: { _ in withExtendedLifetime(outputs) {} }
                )
            } catch {
                throw FaceDetectorError.modelInterfaceMismatch(detail: error.localizedDescription)
            }
        }
        return backings
    }
}

extension RawOutputs.Tensor {
    /// The distance of neighbours along each axis, in elements.
    fileprivate var strides: [Int] {
        var strides = Array(repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        return strides
    }

    /// Copies an output here, unless Core ML wrote it here in the first place.
    ///
    /// - Throws: `FaceDetectorError.modelInterfaceMismatch` if it has another type or number of elements.
    fileprivate func take(_ array: MLMultiArray) throws {
        guard array.dataType == .float32, array.count == values.count else {
            throw FaceDetectorError.modelInterfaceMismatch(
                detail: "the output \(name) has \(array.count) elements of type \(array.dataType.rawValue), "
                    + "not \(values.count) of type float32.")
        }
        array.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, base != UnsafeRawPointer(values.baseAddress!) else { return }
            let theirs = array.strides.map(\.intValue)
            let sizes = array.shape.map(\.intValue)
            for index in values.indices {
                // Compute units may pad rows, so every element is looked up by its strides.
                var rest = index
                var offset = 0
                for axis in sizes.indices.reversed() {
                    let (quotient, position) = rest.quotientAndRemainder(dividingBy: sizes[axis])
                    offset += position * theirs[axis]
                    rest = quotient
                }
                values[index] = base.load(fromByteOffset: offset * 4, as: Float.self)
            }
        }
    }
}

/// The model's input, made once: Core ML reads the pixels anew at every run.
private final class InputFeatures: MLFeatureProvider {
    let featureNames: Set<String>
    private let value: MLFeatureValue

    init(name: String, pixelBuffer: CVPixelBuffer) {
        featureNames = [name]
        value = MLFeatureValue(pixelBuffer: pixelBuffer)
    }

    func featureValue(for featureName: String) -> MLFeatureValue? {
        featureNames.contains(featureName) ? value : nil
    }
}
