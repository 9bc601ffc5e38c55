// SPDX-License-Identifier: Apache-2.0

import CoreMedia
import CoreVideo
import Foundation
import ImageIO

/// Follows faces, with their landmarks, through a video or a camera stream.
///
/// The detector finds a face; the landmark model looks at a turned crop of it; the next frame's crop is made from the
/// landmarks. While as many faces as asked for stay in sight, the detector sleeps. When one is lost, it looks again in
/// the next frame.
///
/// ```swift
/// let tracker = try await FaceTracker()
/// let frame = try await tracker.track(videoFrame)
/// for tracked in frame.faces { draw(tracked.face.landmarks, name: "face \(tracked.track)") }
/// ```
///
/// Make one tracker a video and keep it. It loads two models, runs each once so that the first frame is not slow, and
/// compares the results with golden ones, as ``FaceDetector`` does.
///
/// A tracker is an actor with a queue of its own: use it from any task; calls are served one after the other, and none
/// blocks Swift's own threads. The errors it throws are `FaceDetectorError`s.
public actor FaceTracker {
    /// What a tracker has done so far.
    public struct Counters: Sendable, Hashable {
        /// How many frames were looked at.
        public let frames: Int
        /// In how many of them the detector ran.
        public let detectorRuns: Int
        /// How many frames of live streams were dropped, because newer ones came before they could be looked at,
        /// or because they were more than the maximum frame rate.
        public let droppedFrames: Int
    }

    /// What the tracker was made with, and what ``update(minimumScore:maximumFaces:)`` has changed since.
    public nonisolated var configuration: Configuration { currentConfiguration.value }

    /// What the detector's model runs on, and why; see ``FaceDetector/activeComputeUnits``.
    public nonisolated var detectorComputeUnits: ActiveComputeUnits { currentUnits.value.detector }

    /// What the landmark model runs on, and why; see ``FaceDetector/activeComputeUnits``.
    public nonisolated var landmarkComputeUnits: ActiveComputeUnits { currentUnits.value.landmarker }

    /// The tracker's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private struct Models {
        var detector: StartedModel
        var landmarker: StartedModel

        var units: Units { Units(detector: detector.active, landmarker: landmarker.active) }

        func makePipeline(_ configuration: Configuration) -> TrackingPipeline {
            TrackingPipeline(
                detector: detector.runner, landmarker: landmarker.runner, configuration.detector)
        }

        /// Returns the models, for use until they are started on the units asked for.
        func until(_ units: ComputeUnits) -> Models {
            Models(detector: detector.until(units), landmarker: landmarker.until(units))
        }
    }

    private struct Units: Sendable {
        let detector: ActiveComputeUnits
        let landmarker: ActiveComputeUnits
    }

    private nonisolated let executor = QueueExecutor(label: "FaceTracker")
    private nonisolated let currentConfiguration: Shared<Configuration>
    private nonisolated let currentUnits: Shared<Units>
    private nonisolated let store: ModelStore
    private var models: Models?
    private var pipeline: TrackingPipeline?
    private var tracker: Tracker
    private var before = Counters(frames: 0, detectorRuns: 0, droppedFrames: 0)
    private var droppedFrames = 0
    private var tracks: [Int] = []
    private var isRestarting = false
    private var observer: ActivationObserver?

    /// Makes a tracker: loads both models, warms them up and tests them.
    ///
    /// That takes some tenths of a second.
    ///
    /// - Throws: `FaceDetectorError`: `.invalidConfiguration`; `.resourceMissing`, `.resourceDamaged`,
    ///   `.modelHashMismatch` or `.modelInterfaceMismatch` if the package's resources are not what it was generated
    ///   with; `.selfTestFailed` if a model gives wrong results on every compute unit.
    public init(configuration: Configuration = Configuration()) async throws {
        try await self.init(configuration: configuration, store: .shipped)
    }

    /// Makes a tracker from resources that lie elsewhere, as in an app that downloads them.
    ///
    /// - Parameters:
    ///   - configuration: What the app decides.
    ///   - resources: The folder with the package's models and golden inputs, or one that holds its resource bundle.
    /// - Throws: `FaceDetectorError`, as the other initializers.
    public init(configuration: Configuration = Configuration(), resources: URL) async throws {
        try await self.init(
            configuration: configuration, store: ModelStore(resources: ResourceFolder.find(in: [resources])))
    }

    /// Makes a tracker from the resources in a bundle, for build systems that put them into one of their own.
    ///
    /// - Throws: `FaceDetectorError`, as the other initializers.
    public init(configuration: Configuration = Configuration(), bundle: Bundle) async throws {
        try await self.init(
            configuration: configuration, store: ModelStore(resources: ResourceFolder.find(in: bundle)))
    }

    init(configuration: Configuration, store: ModelStore) async throws {
        try configuration.validate()
        let units = configuration.detector.firstUnits
        let isTemporary = units != configuration.computeUnits
        async let detector = ModelWorker().start { try .detector(store, units) }
        async let landmarker = ModelWorker().start { try .landmarker(store, units) }
        var models = try await Models(detector: detector, landmarker: landmarker)
        if isTemporary { models = models.until(configuration.computeUnits) }
        self.store = store
        self.models = models
        currentConfiguration = Shared(configuration)
        currentUnits = Shared(models.units)
        pipeline = models.makePipeline(configuration)
        tracker = Tracker(configuration)
        observer = ActivationObserver { [weak self] in
            Task { [weak self] in await self?.restart() }
        }
        if isTemporary { Task { [weak self] in await self?.restart() } }
    }

    /// How much the device has to spare.
    nonisolated var load: FramePacer.Load { store.device.load() }

    /// What the tracker has done so far.
    public var counters: Counters {
        Counters(
            frames: before.frames + tracker.frames,
            detectorRuns: before.detectorRuns + tracker.detectorRuns,
            droppedFrames: droppedFrames)
    }

    /// Returns the faces in the next frame of a video.
    ///
    /// The frame needs a timestamp after that of the frame before. A frame of another size, once upright, begins anew:
    /// all tracks are lost, and the detector looks again. Live streams go through ``trackedFrames(in:)`` instead.
    ///
    /// - Throws: `FaceDetectorError`: `.unsupportedPixelFormat`, `.invalidImageSize` or `.invalidPixelBuffer` for
    ///   frames that cannot be read; `.timestampMissing` or `.timestampNotRising`; `.wrongRunningMode`;
    ///   `.predictionFailed`; `.closed`. The tracks are then as they were before the frame.
    public func track(_ frame: VideoFrame) throws -> TrackedFrame {
        guard configuration.runningMode == .video else {
            throw FaceDetectorError.wrongRunningMode(
                detail: "live streams go through trackedFrames(in:); track(_:) is for the mode .video.")
        }
        return try follow(frame)
    }

    /// Returns the faces in the next frame of a video, a pixel buffer.
    ///
    /// - Parameters:
    ///   - pixelBuffer: The pixels: 420v, 420f, BGRA or RGBA. Do not change them until the call returns.
    ///   - orientation: How the pixels are turned; nil takes the configuration's.
    ///   - timestamp: The frame's time in seconds.
    /// - Throws: `FaceDetectorError`, as for a `VideoFrame`.
    public nonisolated func track(
        _ pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation? = nil, timestamp: TimeInterval
    ) async throws -> TrackedFrame {
        try await track(VideoFrame(pixelBuffer, orientation: orientation, timestamp: timestamp))
    }

    /// Returns the faces in the next frame of a video, a sample buffer with its presentation time.
    ///
    /// - Parameters:
    ///   - sampleBuffer: The pixels and their presentation time.
    ///   - orientation: How the pixels are turned; nil takes the configuration's.
    /// - Throws: `FaceDetectorError`, as for a `VideoFrame`; `.invalidPixelBuffer` if the sample buffer
    ///   holds no pixels.
    public nonisolated func track(
        _ sampleBuffer: CMSampleBuffer, orientation: CGImagePropertyOrientation? = nil
    ) async throws -> TrackedFrame {
        try await track(VideoFrame(sampleBuffer, orientation: orientation))
    }

    /// Changes what counts as a face, from the next frame on; what is not given stays.
    ///
    /// - Parameters:
    ///   - minimumScore: The lowest score of a face for the detector, from 0 to 1.
    ///   - maximumFaces: How many faces to follow. Another number begins anew, as ``reset()`` does.
    /// - Throws: `FaceDetectorError.invalidConfiguration`; nothing changes then.
    public func update(minimumScore: Float? = nil, maximumFaces: Int? = nil) throws {
        var changed = configuration
        if let minimumScore { changed.minimumScore = minimumScore }
        if let maximumFaces { changed.maximumFaces = maximumFaces }
        try changed.validate()
        let isOther = changed.maximumFaces != configuration.maximumFaces
        currentConfiguration.value = changed
        pipeline?.use(changed.detector.postprocessing)
        if isOther { reset() }
    }

    /// Forgets all tracks and timestamps: the next frame may be that of another video.
    ///
    /// Numbers of tracks are not used again, and ``counters`` go on.
    public func reset() {
        before = counters
        tracker = Tracker(configuration, firstNumber: tracker.nextNumber)
        tracks.removeAll(keepingCapacity: true)
    }

    /// Releases the models and their memory.
    ///
    /// Calls that come later throw `FaceDetectorError.closed`; ``counters`` stay.
    ///
    /// Not needed where the tracker itself goes away.
    public func close() {
        pipeline = nil
        models = nil
        observer = nil
    }

    /// Starts those models anew whose units failed, or where better ones did when they were started.
    func restart() async {
        guard var restarted = models, !isRestarting else { return }
        isRestarting = true
        defer { isRestarting = false }
        let (store, units) = (store, configuration.computeUnits)
        var isOther = false
        if restarted.detector.mayImprove,
            let started = try? await ModelWorker().start({ try .detector(store, units) })
        {
            (restarted.detector, isOther) = (started, true)
        }
        if restarted.landmarker.mayImprove,
            let started = try? await ModelWorker().start({ try .landmarker(store, units) })
        {
            (restarted.landmarker, isOther) = (started, true)
        }
        guard isOther, models != nil else { return }
        models = restarted
        currentUnits.value = restarted.units
        pipeline = restarted.makePipeline(configuration)
    }

    /// Follows the faces into a frame in any running mode; `dropped` frames were left out before it.
    func follow(_ frame: VideoFrame, dropped: Int = 0) throws -> TrackedFrame {
        guard let pipeline else { throw FaceDetectorError.closed }
        droppedFrames += dropped
        let orientation = configuration.detector.frameOrientation(frame.orientation)
        pipeline.resetDurations()
        var found = try frame.pixelBuffer.withPixelView { view in
            let size = view.uprightSize(orientation)
            return try tracker.update(
                width: size.width,
                height: size.height,
                seconds: frame.timestamp,
                detect: { try pipeline.detect(view, orientation) },
                findLandmarks: { try pipeline.findLandmarks(view, orientation, $0) }
            )
        }
        found.durations = self.pipeline?.durations
        found.durations?.endToEnd = frame.arrival.duration(to: .now)
        tracks.removeAll(keepingCapacity: true)
        for face in found.faces { tracks.append(face.track) }
        return found
    }

    /// Follows the faces into a frame of a stream: what concerns this frame alone does not end the stream.
    func followInStream(_ frame: VideoFrame, dropped: Int) throws -> TrackedFrame {
        do {
            return try follow(frame, dropped: dropped)
        } catch let error as FaceDetectorError where error.concernsOneFrame {
            let lost = error.isStepBack ? tracks : []
            if error.isStepBack { reset() }
            return .failed(
                error, lost: lost, imageSize: frame.uprightSize(configuration.detector), timestamp: frame.timestamp)
        }
    }
}

extension FaceTracker {
    /// Returns the faces of a single picture with their landmarks; what is followed stays as it is.
    func findLandmarks(_ view: PixelView, _ turn: FrameOrientation) throws -> [Face] {
        guard let pipeline else { throw FaceDetectorError.closed }
        var configuration = configuration
        configuration.smoothing = nil
        // The first frame of a video of its own.
        var still = Tracker(configuration)
        let size = view.uprightSize(turn)
        return try still.update(
            width: size.width, height: size.height, seconds: 0,
            detect: { try pipeline.detect(view, turn) },
            findLandmarks: { try pipeline.findLandmarks(view, turn, $0) }
        ).faces.map(\.face)
    }
}

extension Tracker {
    fileprivate init(_ configuration: FaceTracker.Configuration, firstNumber: Int = 1) {
        self.init(
            .shipped, maximumFaces: configuration.maximumFaces, smoothing: configuration.smoothing,
            detectionInterval: configuration.detectionInterval, firstNumber: firstNumber)
    }
}
