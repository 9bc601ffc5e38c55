// Declarations from developer.apple.com/documentation/coreai (iOS 27). Spans, which Swift has from 6.2 on, are arrays here;
// what the documentation marks as consumed or borrowed is copied.

import Foundation

public struct SpecializationOptions: Sendable, Equatable {
    public let preferredComputeUnitKind: ComputeUnitKind?
    private let isRestricted: Bool

    public static let `default` = SpecializationOptions(nil, isRestricted: false)
    public static let cpuOnly = SpecializationOptions(nil, isRestricted: true)

    public init(preferredComputeUnitKind: ComputeUnitKind) { self.init(preferredComputeUnitKind, isRestricted: false) }

    private init(_ kind: ComputeUnitKind?, isRestricted: Bool) {
        preferredComputeUnitKind = kind
        self.isRestricted = isRestricted
    }
}

public enum ComputeUnitKind: Sendable { case cpu, gpu, neuralEngine }

public struct NDArrayDescriptor: Sendable {
    public let shape: [Int]
    public let scalarType: NDArray.ScalarType

    public init(stubShape: [Int], scalarType: NDArray.ScalarType = .float32) {
        shape = stubShape
        self.scalarType = scalarType
    }
}

public struct NDArray: @unchecked Sendable {
    public enum ScalarType: Sendable { case float16, float32, int32 }
    public struct InterleaveLayout: Sendable { public init() {} }

    public struct View<Element> {
        public let interleaveLayout: InterleaveLayout?
        let memory: UnsafeMutableRawPointer
        let shape: [Int]
        let strides: [Int]

        public func withUnsafePointer<R, E: Error>(
            _ body: (UnsafePointer<Element>, [Int], [Int]) throws(E) -> R
        ) throws(E) -> R {
            try body(UnsafePointer(memory.assumingMemoryBound(to: Element.self)), shape, strides)
        }
    }

    public struct MutableView<Element> {
        let memory: UnsafeMutableRawPointer
        let shape: [Int]
        let strides: [Int]

        public func withUnsafeMutablePointer<R, E: Error>(
            _ body: (UnsafeMutablePointer<Element>, [Int], [Int]) throws(E) -> R
        ) throws(E) -> R {
            try body(memory.assumingMemoryBound(to: Element.self), shape, strides)
        }
    }

    private final class Memory {
        let pointer: UnsafeMutableRawPointer
        init(_ count: Int) {
            pointer = .allocate(byteCount: count * 4, alignment: 64)
            pointer.initializeMemory(as: Float.self, repeating: .nan, count: count)
        }
        deinit { pointer.deallocate() }
    }

    public let shape: [Int]
    public let strides: [Int]
    public let scalarType: ScalarType
    private let memory: Memory
    private let layout: InterleaveLayout?

    public init(descriptor: NDArrayDescriptor) {
        self.init(stubShape: descriptor.shape, scalarType: descriptor.scalarType, padding: 3)
    }

    /// - Parameter padding: How many elements follow each row of the last axis.
    public init(
        stubShape: [Int], scalarType: ScalarType = .float32, padding: Int = 0, layout: InterleaveLayout? = nil
    ) {
        shape = stubShape
        self.scalarType = scalarType
        self.layout = layout
        var strides = [1]
        for (index, side) in stubShape.dropFirst().reversed().enumerated() {
            strides.insert(strides[0] * (side + (index == 0 ? padding : 0)), at: 0)
        }
        self.strides = strides
        memory = Memory(strides[0] * stubShape[0])
    }

    public func view<T>(as type: T.Type = T.self) -> View<T> {
        View(interleaveLayout: layout, memory: memory.pointer, shape: shape, strides: strides)
    }

    public mutating func mutableView<T>(as type: T.Type = T.self) -> MutableView<T> {
        MutableView(memory: memory.pointer, shape: shape, strides: strides)
    }
}

public struct InferenceValue {
    public enum Descriptor: Sendable {
        case ndArray(NDArrayDescriptor)
        case stubPixelBuffer
    }

    public let ndArray: NDArray?
}

public struct InferenceFunctionDescriptor: Sendable {
    public let inputNames: [String]
    public let outputNames: [String]
    private let values: [String: InferenceValue.Descriptor]

    public init(stubInputs: [String: InferenceValue.Descriptor], outputs: [String: InferenceValue.Descriptor]) {
        inputNames = stubInputs.keys.sorted()
        outputNames = outputs.keys.sorted()
        values = stubInputs.merging(outputs) { $1 }
    }

    public func inputDescriptor(of name: String) -> InferenceValue.Descriptor? { values[name] }
    public func outputDescriptor(of name: String) -> InferenceValue.Descriptor? { values[name] }
}

public struct InferenceFunction: Sendable {
    public struct Outputs {
        var values: [String: NDArray]
        public mutating func remove(_ name: String) -> InferenceValue? {
            values.removeValue(forKey: name).map { InferenceValue(ndArray: $0) }
        }
    }

    public let descriptor: InferenceFunctionDescriptor
    private let stubRun: @Sendable ([String: NDArray]) async throws -> [String: NDArray]

    public init(
        stub descriptor: InferenceFunctionDescriptor,
        run: @escaping @Sendable ([String: NDArray]) async throws -> [String: NDArray]
    ) {
        self.descriptor = descriptor
        stubRun = run
    }

    public func run(inputs: [String: NDArray]) async throws -> Outputs {
        Outputs(values: try await stubRun(inputs))
    }
}

public struct AIModel: Sendable {
    /// What loading a model gives: its functions by their names.
    public nonisolated(unsafe) static var stub:
        @Sendable (URL, SpecializationOptions) async throws -> [String: InferenceFunction] = { url, _ in
            throw CocoaError(.fileReadUnknown, userInfo: [NSFilePathErrorKey: url.path])
        }

    public static let deviceArchitectureName = "stub27"

    private let functions: [String: InferenceFunction]

    public init(contentsOf modelURL: URL, options: SpecializationOptions = .default) async throws {
        functions = try await Self.stub(modelURL, options)
    }

    public func loadFunction(named functionName: String) throws -> InferenceFunction? { functions[functionName] }
}
