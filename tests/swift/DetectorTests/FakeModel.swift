import CoreML
import Foundation

@testable import BlazeFace
@testable import BlazeFaceCore

/// A model that answers as the reference did for the golden input, whatever it is shown, on the compute units a test
/// lets it, and remembers how it was used.
final class FakeModel: @unchecked Sendable {
    struct Failure: LocalizedError {
        var errorDescription: String? { "the driver said no." }
    }

    var specification = ModelSpecification.shipped
    /// Added to every score logit on a rung.
    var logitError: (MLModelConfiguration) -> Float = { _ in 0 }
    var loadFails: (MLModelConfiguration) -> Bool = { _ in false }
    var predictionFails = false
    /// Whether a run on these units fails, as on the GPU in the background.
    var failsOn: (MLModelConfiguration) -> Bool = { _ in false }
    /// Whether a run ends well without having computed anything.
    var writesNothing = false
    /// How long a run takes on a clock that only runs move.
    var seconds: (MLModelConfiguration) -> Double = { _ in 0 }
    private(set) var clock = 0.0
    var refusesBackings = false
    var weightsSHA256 = ModelSpecification.shipped.weightsSHA256
    var inputWidth = ModelSpecification.shipped.input.width
    var outputNames = ModelSpecification.shipped.outputs.map(\.name)
    var outputType = MLMultiArrayDataType.float32
    var padding = 0
    /// What is loaded from a place instead of this model.
    var other: (URL, MLModelConfiguration) throws -> StubModel? = { _, _ in nil }
    private(set) var loaded: [(url: URL, units: MLComputeUnits, low: Bool)] = []
    private(set) var runs = 0
    private(set) var lastInput: [UInt8] = []
    private var golden: SelfTest?
    private let lock = NSLock()

    func install() throws {
        golden = try SelfTest(ModelStore.shipped.data(SelfTest.fileName), specification: specification)
        MLModel.stub = { [self] url, configuration in
            if let model = try other(url, configuration) { return model }
            loaded.append((url, configuration.computeUnits, configuration.allowLowPrecisionAccumulationOnGPU))
            if loadFails(configuration) { throw Failure() }
            let error = logitError(configuration)
            return StubModel(description: description) { [self] input, options in
                lock.withLock { clock += seconds(configuration) }
                if failsOn(configuration) { throw Failure() }
                // Several detectors may share one fake.
                return try lock.withLock { try predict(input, options, error) }
            }
        }
        MLModel.stubCompile = { package in
            let target = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".mlmodelc")
            try FileManager.default.copyItem(at: package, to: target)
            return target
        }
    }

    private var description: MLModelDescription {
        let input = specification.input
        return MLModelDescription(
            stubInputs: [
                MLFeatureDescription(
                    stubName: input.name, image: MLImageConstraint(stubWide: inputWidth, high: input.height))
            ],
            outputs: outputNames.map { MLFeatureDescription(stubName: $0) },
            metadata: [.creatorDefinedKey: ["sdkgen.weights.sha256": weightsSHA256]]
        )
    }

    private func predict(
        _ input: any MLFeatureProvider, _ options: MLPredictionOptions, _ error: Float
    ) throws -> any MLFeatureProvider {
        runs += 1
        if predictionFails || (refusesBackings && !options.outputBackings.isEmpty) { throw Failure() }
        remember(input.featureValue(for: specification.input.name)!.imageBufferValue!)
        let answer = RawOutputs(specification)
        var predictions = [Float](repeating: -50, count: specification.anchorCount * BoxNumbers.rowLength)
        for row in golden!.rows {
            let start = row.anchor * BoxNumbers.rowLength
            predictions.replaceSubrange(start..<start + BoxNumbers.rowLength, with: row.values)
            predictions[start + BoxNumbers.count] += error
        }
        answer.write(predictions)
        if writesNothing, !options.outputBackings.isEmpty {
            return try Features(options)
        }
        return try Features(answer, options, padding: padding, type: outputType)
    }

    private func remember(_ buffer: CVPixelBuffer) {
        let plane = buffer.stubPlanes[0]
        lastInput = Array(UnsafeRawBufferPointer(start: plane.base, count: plane.bytesPerRow * plane.rows))
    }
}

/// What a fake model answers: in the memory it is given, or in memory of its own.
final class Features: MLFeatureProvider {
    let arrays: [String: MLMultiArray]

    /// - Parameters:
    ///   - padding: How many elements follow each row of the last axis in memory of its own.
    ///   - type: What memory of its own claims to hold.
    init(
        _ answer: RawOutputs, _ options: MLPredictionOptions, padding: Int = 0, type: MLMultiArrayDataType = .float32
    ) throws {
        var arrays: [String: MLMultiArray] = [:]
        for tensor in answer.tensors {
            if let backing = options.outputBackings[tensor.name] as? MLMultiArray {
                backing.withUnsafeBytes {
                    UnsafeMutableRawPointer(mutating: $0.baseAddress!).copyMemory(
                        from: tensor.values.baseAddress!, byteCount: tensor.values.count * 4)
                }
                arrays[tensor.name] = backing
            } else {
                arrays[tensor.name] = try Self.padded(tensor, padding, type)
            }
        }
        self.arrays = arrays
    }

    /// The memory given, as it was.
    init(_ options: MLPredictionOptions) throws {
        arrays = options.outputBackings.compactMapValues { $0 as? MLMultiArray }
    }

    var featureNames: Set<String> { Set(arrays.keys) }

    func featureValue(for featureName: String) -> MLFeatureValue? {
        arrays[featureName].map { MLFeatureValue(multiArray: $0) }
    }

    private static func padded(
        _ tensor: RawOutputs.Tensor, _ padding: Int, _ type: MLMultiArrayDataType
    ) throws -> MLMultiArray {
        let width = tensor.shape.last! + padding
        let rows = tensor.values.count / tensor.shape.last!
        let memory = UnsafeMutablePointer<Float>.allocate(capacity: rows * width)
        memory.initialize(repeating: .nan, count: rows * width)
        for index in tensor.values.indices {
            let (row, column) = index.quotientAndRemainder(dividingBy: tensor.shape.last!)
            memory[row * width + column] = tensor.values[index]
        }
        var strides = Array(repeating: 1, count: tensor.shape.count)
        for axis in strides.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * (axis == strides.count - 2 ? width : tensor.shape[axis + 1])
        }
        return try MLMultiArray(
            dataPointer: memory, shape: tensor.shape.map(NSNumber.init(value:)), dataType: type,
            strides: strides.map(NSNumber.init(value:)), deallocator: { _ in memory.deallocate() })
    }
}

/// A detector over the fake, with the package's own resources and a cache folder of its own.
func makeDetector(
    _ fake: FakeModel, _ configuration: FaceDetector.Configuration = .init(), store: ModelStore? = nil
) async throws -> FaceDetector {
    try fake.install()
    return try await FaceDetector(configuration: configuration, store: store ?? .temporary())
}

extension ModelStore {
    static func temporary(resources: URL? = nil, device: Device = .test()) -> ModelStore {
        let cache = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        return ModelStore(
            resources: resources ?? (try! ModelStore.shipped.resources), cache: cache, device: device)
    }

    /// A copy of the resources that a test may damage.
    static func damaged(_ damage: (URL) throws -> Void) throws -> ModelStore {
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.copyItem(at: ModelStore.shipped.resources, to: copy)
        try damage(copy)
        return .temporary(resources: copy)
    }
}

extension Device {
    /// A phone whose clock a test moves.
    static func test(
        isSimulator: Bool = false, system: String = "1", now: @escaping @Sendable () -> Double = { 0 }
    ) -> Device {
        Device(isSimulator: isSimulator, system: system, now: now)
    }
}

func pixelBuffer(
    _ width: Int = 64, _ height: Int = 48, _ format: OSType = kCVPixelFormatType_32BGRA
) -> CVPixelBuffer {
    CVPixelBuffer(stubFormat: format, width: width, height: height)
}

extension RawOutputs {
    /// Writes rows as a run of the model would: each number into the output that holds it.
    func write(_ rows: [Float]) {
        var first = 0
        for tensor in tensors {
            for index in tensor.values.indices {
                let (row, number) = index.quotientAndRemainder(dividingBy: tensor.width)
                tensor.values[index] = rows[row * rowLength + first + number]
            }
            first += tensor.width
        }
        gather()
    }
}
