// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import CoreML
import Foundation
import ImageIO

/// Finds faces in images, videos and camera streams.
///
/// Make one detector and keep it: making it loads the model, runs it once so that the first frame is not slow, and
/// compares the result with a golden one that ships with the package. If compute units give wrong results, others are
/// taken; ``activeComputeUnits`` says what it runs on, and why.
///
/// ```swift
/// let detector = try await FaceDetector()
/// let faces = try await detector.detect(pixelBuffer)
/// ```
///
/// A detector is an actor with a queue of its own: use it from any task; calls are served one after the other, and none
/// blocks Swift's own threads. The errors it throws are `FaceDetectorError`s.
public actor FaceDetector {
    /// What the detector was made with, and what ``update(minimumScore:maximumFaces:)`` has changed since.
    public nonisolated var configuration: Configuration { currentConfiguration.value }

    /// What the model runs on, and why.
    ///
    /// That changes where the units fail, as the GPU does in the background: when the app is active again, the detector looks
    /// for units anew.
    public nonisolated var activeComputeUnits: ActiveComputeUnits { currentUnits.value }

    /// The detector's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private nonisolated let executor = QueueExecutor(label: "FaceDetector")
    private nonisolated let currentConfiguration: Shared<Configuration>
    private nonisolated let currentUnits: Shared<ActiveComputeUnits>
    private nonisolated let store: ModelStore
    private var model: StartedModel?
    private var pipeline: Pipeline?
    private var timestamps = TimestampOrder()
    private var tracker: DetectionTracker?
    /// What the last search of a video or live stream found, and how many frames ago.
    private var latest: (found: Pipeline.Found, age: Int)?
    private var isRestarting = false
    private var observer: ActivationObserver?

    /// Makes a detector: loads the model, warms it up and tests it.
    ///
    /// That takes some tenths of a second.
    ///
    /// - Throws: `FaceDetectorError`: `.invalidConfiguration`; `.resourceMissing`, `.resourceDamaged`,
    ///   `.modelHashMismatch` or `.modelInterfaceMismatch` if the package's resources are not what it was generated
    ///   with; `.selfTestFailed` if the model gives wrong results on every compute unit.
    public init(configuration: Configuration = Configuration()) async throws {
        try await self.init(configuration: configuration, store: .shipped)
    }

    /// Makes a detector from resources that lie elsewhere, as in an app that downloads them.
    ///
    /// - Parameters:
    ///   - configuration: What the app decides.
    ///   - resources: The folder with the package's models and golden inputs, or one that holds its resource bundle.
    /// - Throws: `FaceDetectorError`, as the other initializers.
    public init(configuration: Configuration = Configuration(), resources: URL) async throws {
        try await self.init(
            configuration: configuration, store: ModelStore(resources: ResourceFolder.find(in: [resources])))
    }

    /// Makes a detector from the resources in a bundle, for build systems that put them into one of their own.
    ///
    /// - Throws: `FaceDetectorError`, as the other initializers.
    public init(configuration: Configuration = Configuration(), bundle: Bundle) async throws {
        try await self.init(
            configuration: configuration, store: ModelStore(resources: ResourceFolder.find(in: bundle)))
    }

    init(configuration: Configuration, store: ModelStore) async throws {
        try configuration.validate()
        var model = try await ModelWorker().start { try .detector(store, configuration.firstUnits) }
        let isTemporary = configuration.firstUnits != configuration.computeUnits
        if isTemporary { model = model.until(configuration.computeUnits) }
        self.store = store
        tracker = configuration.detectionTracker
        currentConfiguration = Shared(configuration)
        currentUnits = Shared(model.active)
        self.model = model
        pipeline = Pipeline(
            runner: model.runner, options: configuration.postprocessing, sampling: configuration.sampling)
        observer = ActivationObserver { [weak self] in
            Task { [weak self] in await self?.restart() }
        }
        if isTemporary { Task { [weak self] in await self?.restart() } }
    }

    /// How much the device has to spare.
    nonisolated var load: FramePacer.Load { store.device.load() }

    /// Forgets what earlier starts on this device have shown, so that the next one tries all units again.
    ///
    /// For a switch in an app's settings, or after an update of the app that may have changed what went wrong.
    public static func forgetStarts() { forgetStarts(in: ModelStore.appCache) }

    static func forgetStarts(in cache: URL) {
        try? FileManager.default.removeItem(at: cache.appendingPathComponent(StartJournal.fileName))
    }

    /// Returns the faces in a frame, best first.
    ///
    /// In the running mode `.video` the frame needs a timestamp after that of the frame before. Live streams go
    /// through ``detections(in:)`` instead.
    ///
    /// - Throws: `FaceDetectorError`: `.unsupportedPixelFormat`, `.invalidImageSize` or `.invalidPixelBuffer` for
    ///   frames that cannot be read; `.timestampMissing` or `.timestampNotRising` in a video; `.wrongRunningMode`;
    ///   `.predictionFailed`; `.closed`.
    public func detect(_ frame: VideoFrame) throws -> [Face] {
        guard configuration.runningMode != .liveStream else {
            throw FaceDetectorError.wrongRunningMode(
                detail: "live streams go through detections(in:); detect(_:) is for the modes .image and .video.")
        }
        return try search(frame).faces
    }

    /// Returns the faces in an image, best first, in pixels of the image turned upright.
    ///
    /// Running mode `.image` only.
    ///
    /// - Parameters:
    ///   - image: The image, drawn as sRGB over black, no larger than the model needs.
    ///   - orientation: How the image's pixels are turned; nil takes the configuration's.
    /// - Throws: `FaceDetectorError`: `.invalidImageSize`, `.imageWithoutBitmap` if it cannot be drawn,
    ///   `.wrongRunningMode`, `.predictionFailed`, `.closed`.
    public func detect(_ image: CGImage, orientation: CGImagePropertyOrientation? = nil) throws -> [Face] {
        try search(orientation) { Photograph(image) }
    }

    /// Searches a photograph, which is read or drawn on the detector's own queue.
    func search(
        _ orientation: CGImagePropertyOrientation?, _ read: @Sendable () throws -> Photograph
    ) throws -> [Face] {
        let pipeline = try openPipeline()
        guard configuration.runningMode == .image else {
            throw FaceDetectorError.wrongRunningMode(
                detail: "an image has no timestamp; use pixel buffers in the modes .video and .liveStream.")
        }
        let photograph = try read()
        let turn = configuration.frameOrientation(orientation ?? photograph.orientation)
        let faces = try photograph.image.withPixelView(longestSide: Photograph.longestSide) { view in
            try pipeline.search(view, turn, in: configuration.regionOfInterest).faces
        }
        let size = photograph.size
        let upright = turn.swapsSides ? CGSize(width: size.height, height: size.width) : size
        return faces.map { $0.scaled(to: upright) }
    }

    /// Changes what counts as a face, from the next frame on; what is not given stays.
    ///
    /// - Parameters:
    ///   - minimumScore: The lowest score of a face, from 0 to 1.
    ///   - maximumFaces: The most faces to return; `.some(nil)` returns all.
    /// - Throws: `FaceDetectorError.invalidConfiguration`; nothing changes then.
    public func update(minimumScore: Float? = nil, maximumFaces: Int?? = nil) throws {
        var changed = configuration
        if let minimumScore { changed.minimumScore = minimumScore }
        if let maximumFaces { changed.maximumFaces = maximumFaces }
        try changed.validate()
        currentConfiguration.value = changed
        pipeline?.use(changed.postprocessing)
    }

    /// Forgets the timestamps and faces so far: the next frame may be that of another video.
    ///
    /// Numbers of faces are not used again.
    public func reset() {
        timestamps = TimestampOrder()
        tracker?.reset()
        latest = nil
    }

    /// Releases the model and all memory.
    ///
    /// Calls that come later throw `FaceDetectorError.closed`.
    ///
    /// Not needed where the detector itself goes away.
    public func close() {
        pipeline = nil
        model = nil
        observer = nil
    }

    /// Starts the model anew if its units failed, or if better ones did when it was started.
    func restart() async {
        guard let failed = model, failed.mayImprove, !isRestarting else { return }
        isRestarting = true
        defer { isRestarting = false }
        let (store, units) = (store, configuration.computeUnits)
        let started = try? await ModelWorker().start { try .detector(store, units) }
        guard let started, model != nil else { return }
        model = started
        currentUnits.value = started.active
        pipeline = Pipeline(
            runner: started.runner, options: configuration.postprocessing, sampling: configuration.sampling)
    }

    /// Searches a frame in any running mode.
    func search(_ frame: VideoFrame) throws -> Pipeline.Found {
        let pipeline = try openPipeline()
        let configuration = configuration
        guard configuration.runningMode != .image else { return try search(frame, pipeline, configuration) }
        let seconds = try timestamps.accept(frame.timestamp)
        if let repeated = repeatLatest(frame, configuration) { return repeated }
        latest = nil
        var found = try search(frame, pipeline, configuration)
        if let faces = tracker?.update(found.faces, seconds: seconds) { found.faces = faces }
        latest = (found, 0)
        return found
    }

    private func search(
        _ frame: VideoFrame, _ pipeline: Pipeline, _ configuration: Configuration
    ) throws -> Pipeline.Found {
        try frame.pixelBuffer.withPixelView { view in
            try pipeline.search(
                view, configuration.frameOrientation(frame.orientation), in: configuration.regionOfInterest)
        }
    }

    /// Returns what the last search found if this frame is not to be searched.
    private func repeatLatest(_ frame: VideoFrame, _ configuration: Configuration) -> Pipeline.Found? {
        guard let latest, latest.age + 1 < configuration.detectionInterval,
            frame.uprightSize(configuration) == latest.found.imageSize
        else { return nil }
        self.latest?.age += 1
        var found = latest.found
        found.detectorRan = false
        found.durations = FrameDurations(preprocess: .zero, inference: .zero, postprocess: .zero, endToEnd: .zero)
        return found
    }

    private func openPipeline() throws -> Pipeline {
        guard let pipeline else { throw FaceDetectorError.closed }
        return pipeline
    }
}
