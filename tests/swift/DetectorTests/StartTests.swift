import CoreML
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// How a detector is made: the self-test, the ladder, the resources.
final class StartTests: XCTestCase {
    private let specification = ModelSpecification.shipped

    func testSoundModelRunsAsAskedFor() async throws {
        let fake = FakeModel()
        let detector = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU))
        let active = detector.activeComputeUnits
        XCTAssertEqual(active.units, .cpuAndGPU)
        XCTAssertEqual(active.precision, specification.resources[0].precision)
        XCTAssertEqual(active.allowsLowPrecisionAccumulation, active.precision == .float16)
        XCTAssertEqual(active.rejections, [])
        XCTAssertTrue(active.reason.hasSuffix("passed the self-test, as asked for."), active.reason)
        XCTAssertEqual(fake.runs, 1, "the self-test is the warm-up")
    }

    func testWrongSumsOnTheGPUStepDownToWiderOnes() async throws {
        let fake = FakeModel()
        fake.logitError = { $0.allowLowPrecisionAccumulationOnGPU ? 3 : 0 }
        let active = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU)).activeComputeUnits
        XCTAssertEqual(active.units, .cpuAndGPU)
        XCTAssertFalse(active.allowsLowPrecisionAccumulation)
        XCTAssertEqual(active.rejections.count, 1)
        XCTAssertTrue(active.rejections[0].reason.contains("off by up to 3.0"), active.rejections[0].reason)
    }

    func testWrongGPUStepsDownToTheCPU() async throws {
        let fake = FakeModel()
        fake.logitError = { $0.computeUnits == .cpuOnly ? 0 : .nan }
        let active = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU)).activeComputeUnits
        XCTAssertEqual(active.units, .cpuOnly)
        XCTAssertEqual(
            active.rejections.map(\.setup),
            [
                "CPU and GPU, float16 with float16 accumulation", "CPU and GPU, float16", "CPU and GPU, float32",
                "CPU and Neural Engine, float16", "CPU and Neural Engine, float32",
            ])
        XCTAssertTrue(active.reason.contains("not taken, CPU and GPU"), active.reason)
    }

    func testGPUThatCannotLoadStepsDownToTheCPU() async throws {
        let fake = FakeModel()
        fake.loadFails = { $0.computeUnits != .cpuOnly }
        let active = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU)).activeComputeUnits
        XCTAssertEqual(active.units, .cpuOnly)
        XCTAssertTrue(active.rejections.allSatisfy { $0.reason.contains("the driver said no.") })
    }

    func testLadderTakesSinglePrecisionBeforeTheCPU() async throws {
        let fake = FakeModel()
        fake.logitError = { _ in fake.loaded.count < 3 ? 1 : 0 }
        let active = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU)).activeComputeUnits
        XCTAssertEqual(active.precision, .float32)
        XCTAssertEqual(active.units, .cpuAndGPU)
        XCTAssertEqual(fake.loaded.map(\.low), [true, false, false])
    }

    func testNeuralEngineHasNoAccumulationRung() async throws {
        let fake = FakeModel()
        fake.logitError = { $0.computeUnits == .cpuOnly ? 0 : 1 }
        let configuration = FaceDetector.Configuration(computeUnits: .cpuAndNeuralEngine)
        _ = try await makeDetector(fake, configuration)
        XCTAssertEqual(fake.loaded.map(\.units), [.cpuAndNeuralEngine, .cpuAndNeuralEngine, .cpuOnly])
        XCTAssertEqual(fake.loaded.map(\.low), [false, false, false])
    }

    func testModelThatIsWrongEverywhereIsRefused() async throws {
        let fake = FakeModel()
        fake.logitError = { _ in 1 }
        await expect("selfTestFailed") { _ = try await makeDetector(fake) }
    }

    func testModelThatLoadsNowhereIsDamaged() async throws {
        let fake = FakeModel()
        fake.loadFails = { _ in true }
        await expect("resourceDamaged") { _ = try await makeDetector(fake) }
        fake.loadFails = { _ in false }
        fake.predictionFails = true
        await expect("resourceDamaged") { _ = try await makeDetector(fake) }
    }

    func testCoreMLMayRefuseOurMemory() async throws {
        let fake = FakeModel()
        fake.refusesBackings = true
        fake.padding = 3
        let detector = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU))
        XCTAssertEqual(detector.activeComputeUnits.rejections, [])
        XCTAssertEqual(fake.runs, 2)
        let faces = try await detector.detect(pixelBuffer())
        XCTAssertEqual(faces.count, 1)
    }

    func testAnotherModelIsRefused() async throws {
        let fake = FakeModel()
        fake.weightsSHA256 = "0"
        await expect("modelHashMismatch") { _ = try await makeDetector(fake) }
        fake.weightsSHA256 = specification.weightsSHA256
        fake.inputWidth += 1
        await expect("modelInterfaceMismatch") { _ = try await makeDetector(fake) }
        fake.inputWidth -= 1
        fake.outputNames = ["other"]
        await expect("modelInterfaceMismatch") { _ = try await makeDetector(fake) }
    }

    func testOutputOfAnotherTypeIsRefused() async throws {
        let fake = FakeModel()
        fake.refusesBackings = true
        fake.outputType = .float16
        await expect("modelInterfaceMismatch") { _ = try await makeDetector(fake) }
    }

    func testMissingAndDamagedResources() async throws {
        let package = "\(specification.resources[0].name).mlpackage"
        let fake = FakeModel()
        let damages: [(String, (URL) throws -> Void)] = [
            ("resourceMissing", { try FileManager.default.removeItem(at: $0.appendingPathComponent(package)) }),
            ("resourceMissing", { try FileManager.default.removeItem(at: $0.appendingPathComponent("selftest.bin")) }),
            ("resourceDamaged", { try Data("SDKG".utf8).write(to: $0.appendingPathComponent("selftest.bin")) }),
            ("resourceDamaged", { try self.flip(0, of: $0.appendingPathComponent("selftest.bin")) }),
            ("resourceDamaged", { try self.flip(4, of: $0.appendingPathComponent("selftest.bin")) }),
            ("resourceDamaged", { try self.flip(9, of: $0.appendingPathComponent("selftest.bin")) }),
            ("resourceDamaged", { try self.flip(19, of: $0.appendingPathComponent("selftest.bin")) }),
            ("resourceDamaged", { try self.truncate($0.appendingPathComponent("selftest.bin")) }),
            ("modelHashMismatch", { try self.flip(200, of: $0.appendingPathComponent("\(package)/Manifest.json")) }),
        ]
        for (name, damage) in damages {
            let store = try ModelStore.damaged(damage)
            await expect(name) { _ = try await makeDetector(fake, store: store) }
        }
    }

    func testPackageIsKnownBehindALinkAndAmongHiddenFiles() async throws {
        let package = "\(specification.resources[0].name).mlpackage"
        let hidden = [".DS_Store", "Data/.hidden"]
        let damaged = try ModelStore.damaged { folder in
            for name in hidden { try Data("x".utf8).write(to: folder.appendingPathComponent("\(package)/\(name)")) }
        }
        let link = damaged.resources.deletingLastPathComponent().appendingPathComponent(UUID().uuidString)
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: damaged.resources)
        _ = try await makeDetector(FakeModel(), store: .temporary(resources: link))
    }

    func testPackageIsCompiledOnceAndCachedByItsHash() async throws {
        let fake = FakeModel()
        try fake.install()
        let store = ModelStore.temporary()
        var compilations = 0
        let compile = MLModel.stubCompile
        MLModel.stubCompile = {
            compilations += 1
            return try compile($0)
        }
        for _ in 0..<2 { _ = try await FaceDetector(configuration: .init(computeUnits: .cpuAndGPU), store: store) }
        XCTAssertEqual(compilations, 1)
        let cached = store.cache.appendingPathComponent(
            "\(specification.resources[0].name)-\(specification.resources[0].packageSHA256).mlmodelc")
        XCTAssertEqual(fake.loaded.map(\.url.lastPathComponent), Array(repeating: cached.lastPathComponent, count: 2))

        // A cached model that does not load is made anew, on the same rung.
        var failures = 1
        fake.loadFails = { _ in
            failures -= 1
            return failures >= 0
        }
        let detector = try await FaceDetector(configuration: .init(computeUnits: .cpuAndGPU), store: store)
        XCTAssertEqual(compilations, 2)
        XCTAssertEqual(detector.activeComputeUnits.rejections, [])
    }

    func testCacheThatCannotBeWrittenIsDoneWithout() async throws {
        let fake = FakeModel()
        let store = ModelStore(
            resources: try ModelStore.shipped.resources,
            cache: URL(fileURLWithPath: "/proc/nowhere"))
        _ = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU), store: store)
        XCTAssertEqual(fake.loaded.count, 1)
    }

    func testCompiledModelIsTakenAsItIs() async throws {
        let name = specification.resources[0].name
        let store = try ModelStore.damaged { folder in
            try FileManager.default.moveItem(
                at: folder.appendingPathComponent("\(name).mlpackage"),
                to: folder.appendingPathComponent("\(name).mlmodelc"))
        }
        let fake = FakeModel()
        _ = try await makeDetector(fake, .init(computeUnits: .cpuAndGPU), store: store)
        XCTAssertEqual(fake.loaded[0].url.lastPathComponent, "\(name).mlmodelc")
        let kept = try FileManager.default.contentsOfDirectory(atPath: store.cache.path)
        XCTAssertEqual(kept, [StartJournal.fileName])
    }

    func testResourcesAreFoundWhereBuildSystemsPutThem() async throws {
        let resources = try ModelStore.shipped.resources
        let name = "BlazeFace_BlazeFace.bundle"
        for place in ["", "Resources", name, "\(name)/Resources", "\(name)/Contents/Resources"] {
            let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
            let folder = place.isEmpty ? root : root.appendingPathComponent(place)
            try FileManager.default.createDirectory(
                at: folder.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(at: resources, to: folder)
            XCTAssertEqual(try ResourceFolder.find(in: [root]).standardized.path, folder.standardized.path)
            try FakeModel().install()
            let bundle = try XCTUnwrap(Bundle(url: root))
            _ = try await FaceDetector(configuration: .init(computeUnits: .cpuOnly), bundle: bundle)
            _ = try await FaceDetector(configuration: .init(computeUnits: .cpuOnly), resources: root)
        }
    }

    func testMissingResourceBundleIsAnError() async throws {
        let empty = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        await expect("resourceMissing") { _ = try await FaceDetector(resources: empty) }
        let bundle = try XCTUnwrap(Bundle(url: empty))
        await expect("resourceMissing") { _ = try await FaceDetector(bundle: bundle) }
    }

    func testModelsOfOtherVersionsArePruned() async throws {
        let store = ModelStore.temporary()
        let name = specification.resources[0].name
        let names = ["\(name)-old.mlmodelc", "other-old.mlmodelc"]
        for name in names {
            try FileManager.default.createDirectory(
                at: store.cache.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        _ = try await makeDetector(FakeModel(), .init(computeUnits: .cpuAndGPU), store: store)
        let kept = try FileManager.default.contentsOfDirectory(atPath: store.cache.path)
        XCTAssertFalse(kept.contains(names[0]))
        XCTAssertTrue(kept.contains(names[1]))
        XCTAssertTrue(kept.contains("\(name)-\(specification.resources[0].packageSHA256).mlmodelc"))
    }

    func testConfigurationIsChecked() async throws {
        let wrong: [FaceDetector.Configuration] = [
            .init(minimumScore: -0.1), .init(minimumScore: .nan), .init(blendingIoU: 1.5), .init(maximumFaces: 0),
            .init(maximumFaces: -1),
        ]
        for configuration in wrong {
            await expect("invalidConfiguration") { _ = try await makeDetector(FakeModel(), configuration) }
        }
    }

    func testEveryErrorSaysWhatToDo() throws {
        let errors: [FaceDetectorError] = [
            .resourceMissing(name: "a"), .resourceDamaged(name: "a", detail: "b"),
            .modelHashMismatch(name: "a", expected: "b", found: "c"), .modelInterfaceMismatch(detail: "a"),
            .selfTestFailed(detail: "a"), .invalidConfiguration(detail: "a"), .unsupportedPixelFormat(format: 7),
            .invalidImageSize(width: 0, height: 1), .invalidPixelBuffer(detail: "a"), .imageWithoutBitmap, .imageUnreadable,
            .wrongRunningMode(detail: "a"), .timestampMissing, .timestampNotRising(previous: 2, given: 1),
            .predictionFailed(detail: "a"), .closed,
        ]
        for error in errors {
            XCTAssertFalse(try XCTUnwrap(error.errorDescription).isEmpty)
            XCTAssertFalse(try XCTUnwrap(error.recoverySuggestion).isEmpty)
        }
        let format = FaceDetectorError.unsupportedPixelFormat(format: 0x7934_3230)
        XCTAssertEqual(format.errorDescription, "The pixel format 'y420' is not supported.")
    }

    private func flip(_ offset: Int, of file: URL) throws {
        var data = try Data(contentsOf: file)
        data[offset] ^= 0x7f
        try data.write(to: file)
    }

    private func truncate(_ file: URL) throws {
        try Data(contentsOf: file).dropLast().write(to: file)
    }
}

/// Fails unless `body` throws the `FaceDetectorError` whose case has this name.
func expect(
    _ name: String, file: StaticString = #filePath, line: UInt = #line, _ body: () async throws -> Void
) async {
    do {
        try await body()
        XCTFail("nothing was thrown, not \(name)", file: file, line: line)
    } catch let error as FaceDetectorError {
        let found = String(describing: error).prefix { $0 != "(" }
        XCTAssertEqual(String(found), name, "\(error)", file: file, line: line)
    } catch {
        XCTFail("\(error) is no FaceDetectorError", file: file, line: line)
    }
}
