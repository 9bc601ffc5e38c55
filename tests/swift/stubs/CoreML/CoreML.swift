@_exported import CoreVideo

public enum MLComputeUnits: Int, Sendable {
    case cpuOnly = 0
    case cpuAndGPU = 1
    case all = 2
    case cpuAndNeuralEngine = 3
}

public class MLModelConfiguration {
    public var computeUnits: MLComputeUnits = .all
    public var allowLowPrecisionAccumulationOnGPU = false
    public init() {}
}

public enum MLMultiArrayDataType: Int, Sendable {
    case int32 = 0x20020
    case float16 = 0x10010
    case float32 = 0x10020
    case double = 0x10040
}

public class MLMultiArray {
    public let dataType: MLMultiArrayDataType
    public let shape: [NSNumber]
    public let strides: [NSNumber]
    private let pointer: UnsafeMutableRawPointer
    private let deallocator: ((UnsafeMutableRawPointer) -> Void)?

    public init(
        dataPointer: UnsafeMutableRawPointer, shape: [NSNumber], dataType: MLMultiArrayDataType, strides: [NSNumber],
        deallocator: ((UnsafeMutableRawPointer) -> Void)? = nil
    ) throws {
        pointer = dataPointer
        self.shape = shape
        self.dataType = dataType
        self.strides = strides
        self.deallocator = deallocator
    }

    deinit { deallocator?(pointer) }

    public var count: Int { shape.reduce(1) { $0 * $1.intValue } }

    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        let extent = zip(shape, strides).reduce(1) { $0 + ($1.0.intValue - 1) * $1.1.intValue }
        return try body(UnsafeRawBufferPointer(start: pointer, count: extent * (dataType.rawValue & 0xff) / 8))
    }
}

public class MLFeatureValue {
    public let multiArrayValue: MLMultiArray?
    public let imageBufferValue: CVPixelBuffer?

    public init(multiArray: MLMultiArray) {
        multiArrayValue = multiArray
        imageBufferValue = nil
    }

    public init(pixelBuffer: CVPixelBuffer) {
        multiArrayValue = nil
        imageBufferValue = pixelBuffer
    }
}

public protocol MLFeatureProvider: AnyObject {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

public class MLPredictionOptions {
    public var outputBackings: [String: Any] = [:]
    public init() {}
}

public class MLImageConstraint {
    public let pixelsWide: Int
    public let pixelsHigh: Int

    public init(stubWide: Int, high: Int) {
        pixelsWide = stubWide
        pixelsHigh = high
    }
}

public class MLFeatureDescription {
    public let name: String
    public let imageConstraint: MLImageConstraint?

    public init(stubName: String, image: MLImageConstraint? = nil) {
        name = stubName
        imageConstraint = image
    }
}

public struct MLModelMetadataKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public static let creatorDefinedKey = MLModelMetadataKey(rawValue: "MLModelCreatorDefinedKey")
}

public class MLModelDescription {
    public let inputDescriptionsByName: [String: MLFeatureDescription]
    public let outputDescriptionsByName: [String: MLFeatureDescription]
    public let metadata: [MLModelMetadataKey: Any]

    public init(
        stubInputs: [MLFeatureDescription], outputs: [MLFeatureDescription], metadata: [MLModelMetadataKey: Any]
    ) {
        inputDescriptionsByName = Dictionary(uniqueKeysWithValues: stubInputs.map { ($0.name, $0) })
        outputDescriptionsByName = Dictionary(uniqueKeysWithValues: outputs.map { ($0.name, $0) })
        self.metadata = metadata
    }
}

/// What a test lets a model be: what it says of itself, and what it predicts.
public struct StubModel {
    public var description: MLModelDescription
    public var predict: (any MLFeatureProvider, MLPredictionOptions) throws -> any MLFeatureProvider

    public init(
        description: MLModelDescription,
        predict: @escaping (any MLFeatureProvider, MLPredictionOptions) throws -> any MLFeatureProvider
    ) {
        self.description = description
        self.predict = predict
    }
}

public class MLModel {
    /// What `load` gives for a compiled model and a configuration.
    public nonisolated(unsafe) static var stub: (URL, MLModelConfiguration) throws -> StubModel = { url, _ in
        throw CocoaError(.fileReadUnknown, userInfo: [NSFilePathErrorKey: url.path])
    }
    /// What `compileModel` gives for a package.
    public nonisolated(unsafe) static var stubCompile: (URL) throws -> URL = { $0 }

    public let modelDescription: MLModelDescription
    private let model: StubModel

    init(_ model: StubModel) {
        self.model = model
        modelDescription = model.description
    }

    public class func load(
        contentsOf url: URL, configuration: MLModelConfiguration = MLModelConfiguration()
    ) async throws -> MLModel {
        MLModel(try stub(url, configuration))
    }

    public class func compileModel(at modelURL: URL) async throws -> URL { try stubCompile(modelURL) }

    public func prediction(
        from input: any MLFeatureProvider, options: MLPredictionOptions
    ) throws -> any MLFeatureProvider {
        try model.predict(input, options)
    }
}
