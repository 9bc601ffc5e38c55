import CoreAI
import CoreML
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// A Core AI model that answers as the reference did for the golden input, if it is shown it, on the units a test lets it.
private final class FakeAsset: @unchecked Sendable {
    let specification = ModelSpecification.shipped
    /// Added to every score logit.
    var logitError: @Sendable (URL, SpecializationOptions) -> Float = { _, _ in 0 }
    var loadFails: @Sendable (URL, SpecializationOptions) -> Bool = { _, _ in false }
    var runFails: @Sendable () -> Bool = { false }
    var leavesOutOutput = false
    var outputType = NDArray.ScalarType.float32
    var outputLayout: NDArray.InterleaveLayout?
    var inputShape = [1, 3, ModelSpecification.shipped.input.height, ModelSpecification.shipped.input.width]
    var entry = "main"
    private(set) var loaded: [(name: String, options: SpecializationOptions)] = []
    private(set) var inputs: [Float] = []
    private let lock = NSLock()

    func install() throws {
        let golden = try SelfTest(ModelStore.shipped.data(SelfTest.fileName), specification: specification)
        AIModel.stub = { [self] url, options in
            lock.withLock { loaded.append((url.lastPathComponent, options)) }
            if loadFails(url, options) { throw FakeModel.Failure() }
            let descriptor = InferenceFunctionDescriptor(
                stubInputs: [specification.input.name: .ndArray(.init(stubShape: inputShape))],
                outputs: Dictionary(
                    uniqueKeysWithValues: specification.outputs.map { ($0.name, .ndArray(.init(stubShape: $0.shape))) }))
            let error = logitError(url, options)
            return [entry: InferenceFunction(stub: descriptor) { [self] in try await run($0, golden, error) }]
        }
    }

    private func run(_ given: [String: NDArray], _ golden: SelfTest, _ error: Float) async throws -> [String: NDArray] {
        await Task.yield()
        if runFails() { throw FakeModel.Failure() }
        remember(given[specification.input.name]!)
        if leavesOutOutput { return [:] }
        let output = specification.outputs[0]
        var array = NDArray(stubShape: output.shape, scalarType: outputType, padding: 5, layout: outputLayout)
        array.mutableView(as: Float.self).withUnsafeMutablePointer { values, shape, strides in
            for row in 0..<shape[1] {
                for column in 0..<shape[2] { values[row * strides[1] + column] = -50 }
            }
            for row in golden.rows {
                for (column, value) in row.values.enumerated() {
                    let logit = column == BoxNumbers.count ? error : 0
                    values[row.anchor * strides[1] + column] = value + logit
                }
            }
        }
        return [output.name: array]
    }

    private func remember(_ array: NDArray) {
        array.view(as: Float.self).withUnsafePointer { values, shape, strides in
            let found = (0..<3).flatMap { channel in
                (0..<shape[2]).flatMap { row in
                    (0..<shape[3]).map { values[channel * strides[1] + row * strides[2] + $0 * strides[3]] }
                }
            }
            lock.withLock { inputs = found }
        }
    }
}

/// The ladder of a package that holds models for both runtimes.
final class CoreAITests: XCTestCase {
    private let gpu = FaceDetector.Configuration(computeUnits: .cpuAndGPU)
    private let fake = FakeModel()
    private let asset = FakeAsset()

    private func start(
        _ configuration: FaceDetector.Configuration? = nil, store: ModelStore = .temporary()
    ) async throws -> ActiveComputeUnits {
        try fake.install()
        try asset.install()
        return try await FaceDetector(configuration: configuration ?? gpu, store: store).activeComputeUnits
    }

    func testCoreAIComesFirst() async throws {
        let active = try await start()
        XCTAssertEqual(active.runtime, .coreAI)
        XCTAssertEqual(active.precision, .float16)
        XCTAssertEqual(active.reason, "Core AI, CPU and GPU, float16 passed the self-test, as asked for.")
        XCTAssertTrue(fake.loaded.isEmpty)
        XCTAssertEqual(asset.loaded.map(\.options), [SpecializationOptions(preferredComputeUnitKind: .gpu)])
    }

    func testUnitsAreHandedOn() async throws {
        let wanted: [(ComputeUnits, SpecializationOptions)] = [
            (.cpuAndNeuralEngine, .init(preferredComputeUnitKind: .neuralEngine)), (.cpuOnly, .cpuOnly), (.all, .default),
        ]
        for (units, options) in wanted {
            _ = try await start(.init(computeUnits: units))
            XCTAssertEqual(asset.loaded.last?.options, options)
        }
    }

    func testInputIsThePictureInPlanesOfTheModelsRange() async throws {
        _ = try await start()
        let input = ModelSpecification.shipped.input
        let golden = try SelfTest(ModelStore.shipped.data(SelfTest.fileName), specification: .shipped)
        var bytes = [UInt8](repeating: 0, count: input.width * input.height * 4)
        bytes.withUnsafeMutableBytes { golden.picture.write(into: $0.baseAddress!, bytesPerRow: input.width * 4) }
        let scale = (input.maximum - input.minimum) / 255
        let wanted = [2, 1, 0].flatMap { channel in
            stride(from: channel, to: bytes.count, by: 4).map { Float(bytes[$0]) * scale + input.minimum }
        }
        XCTAssertEqual(asset.inputs, wanted)
        XCTAssertEqual(Set(wanted).count > 100, true)
    }

    func testSilentlyWrongHalfOnTheNeuralEngineStepsDown() async throws {
        asset.logitError = { url, options in
            options.preferredComputeUnitKind == .neuralEngine && url.path.contains("fp16") ? -99 : 0
        }
        let active = try await start(.init(computeUnits: .cpuAndNeuralEngine))
        XCTAssertEqual(active.runtime, .coreAI)
        XCTAssertEqual(active.precision, .float32)
        XCTAssertTrue(active.rejections[0].reason.hasPrefix("wrong results, logits off by up to 99"), "\(active.rejections)")
    }

    func testCoreMLIsBelow() async throws {
        asset.loadFails = { _, _ in true }
        let active = try await start()
        XCTAssertEqual(active.runtime, .coreML)
        XCTAssertEqual(active.units, .cpuAndGPU)
        XCTAssertEqual(active.rejections.map(\.setup), ["Core AI, CPU and GPU, float16", "Core AI, CPU and GPU, float32"])
    }

    func testFailedRunsAndOtherInterfacesFallThrough() async throws {
        let spoil: [(FakeAsset) -> Void] = [
            { $0.runFails = { true } }, { $0.entry = "other" }, { $0.inputShape = [1, 64, 64, 3] },
            { $0.outputType = .float16 }, { $0.outputLayout = .init() }, { $0.leavesOutOutput = true },
        ]
        for (index, change) in spoil.enumerated() {
            let spoilt = FakeAsset()
            change(spoilt)
            try fake.install()
            try spoilt.install()
            let active = try await FaceDetector(configuration: gpu, store: .temporary()).activeComputeUnits
            XCTAssertEqual(active.runtime, .coreML, "\(index)")
            XCTAssertEqual(active.rejections.count, 2)
        }
    }

    func testCrashesOfCoreAIDoNotBarCoreML() async throws {
        let store = ModelStore.temporary()
        for key in ["Core AI GPU", "Core AI GPU"] {
            var journal = store.journal
            journal.process = UUID().uuidString
            journal.begin("\(ModelSpecification.shipped.resources[0].packageSHA256.prefix(16)) \(key)")
            _ = store.journal.deaths(key)
        }
        let active = try await start(store: store)
        XCTAssertEqual(active.runtime, .coreML)
        XCTAssertEqual(active.units, .cpuAndGPU)
        XCTAssertTrue(asset.loaded.isEmpty)
    }

    func testCrashesOnTheCPUAreWatchedToo() async throws {
        let store = ModelStore.temporary()
        let seen = Shared<[String]>([])
        @Sendable func look() { seen.value.append((try? String(contentsOf: store.journal.file, encoding: .utf8)) ?? "") }
        asset.loadFails = { _, _ in
            look()
            return true
        }
        fake.loadFails = { _ in
            look()
            return false
        }
        let active = try await start(.init(computeUnits: .cpuOnly), store: store)
        XCTAssertEqual(active.runtime, .coreML)
        XCTAssertEqual(seen.value.map { $0.contains("Core AI CPU") }, [true, true, false])
        XCTAssertTrue(seen.value[2].contains("\"attempts\":[]"), "Core ML on the CPU is the last resort: \(seen.value)")
    }

    func testOutcomeIsKept() async throws {
        let store = ModelStore.temporary()
        let first = try await start(store: store)
        let before = asset.loaded.count
        let second = try await FaceDetector(configuration: gpu, store: store).activeComputeUnits
        XCTAssertEqual(first, second)
        XCTAssertEqual(asset.loaded.count, before + 1)
    }

    func testDamagedOrMissingAssetIsAnError() async throws {
        let name = "\(ModelSpecification.shipped.resources[0].name).aimodel"
        try fake.install()
        try asset.install()
        let damaged = try ModelStore.damaged {
            let file = $0.appendingPathComponent(name).appendingPathComponent("main.mlirb")
            try Data(contentsOf: file).dropLast().write(to: file)
        }
        await expect("modelHashMismatch") { _ = try await FaceDetector(configuration: self.gpu, store: damaged) }
        let missing = try ModelStore.damaged { try FileManager.default.removeItem(at: $0.appendingPathComponent(name)) }
        await expect("resourceMissing") { _ = try await FaceDetector(configuration: self.gpu, store: missing) }
    }

    func testAssetCompiledForThisArchitectureIsTaken() async throws {
        let name = ModelSpecification.shipped.resources[0].name
        let store = try ModelStore.damaged {
            for architecture in ["stub27", "other"] {
                let folder = $0.appendingPathComponent("\(name)-\(architecture).aimodelc")
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            }
        }
        _ = try await start(store: store)
        XCTAssertEqual(asset.loaded.map(\.name), ["\(name)-stub27.aimodelc"])
    }

    func testFramesAreSearched() async throws {
        try fake.install()
        try asset.install()
        let detector = try await FaceDetector(configuration: gpu, store: .temporary())
        let faces = try await detector.detect(VideoFrame(pixelBuffer(640, 480)))
        XCTAssertFalse(faces.isEmpty)
        asset.runFails = { true }
        await expect("predictionFailed") { _ = try await detector.detect(VideoFrame(pixelBuffer(640, 480))) }
    }
}
