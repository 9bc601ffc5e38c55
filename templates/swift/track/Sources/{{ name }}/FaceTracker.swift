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
/// A tracker is an actor: use it from any task; calls are served one after the other. It needs no locks, and allocates
/// nothing for a frame but its result. Every error it throws is a `FaceDetectorError`.
public actor FaceTracker {
    /// What a tracker has done so far.
    public struct Counters: Sendable, Hashable {
        /// How many frames were looked at.
        public let frames: Int
        /// In how many of them the detector ran.
        public let detectorRuns: Int
        /// How many frames of live streams were dropped, because newer ones came before they could be looked at.
        public let droppedFrames: Int
    }

    /// What the tracker was made with.
    public nonisolated let configuration: Configuration

    /// What the detector's model runs on, and why.
    public nonisolated let detectorComputeUnits: ActiveComputeUnits

    /// What the landmark model runs on, and why.
    public nonisolated let landmarkComputeUnits: ActiveComputeUnits

    private var pipeline: TrackingPipeline?
    private var tracker: Tracker
    private var droppedFrames = 0

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

    init(configuration: Configuration, store: ModelStore) async throws {
        try configuration.validate()
        let units = configuration.computeUnits
        let detector = try await ModelLadder.detector(store, units).climbDown()
        let landmarker = try await ModelLadder.landmarker(store, units).climbDown()
        self.configuration = configuration
        detectorComputeUnits = detector.active
        landmarkComputeUnits = landmarker.active
        pipeline = TrackingPipeline(
            detector: detector.runner, landmarker: landmarker.runner, configuration.detector.postprocessing)
        tracker = Tracker(
            .shipped, maximumFaces: configuration.maximumFaces, smoothing: configuration.smoothing)
    }

    /// What the tracker has done so far.
    public var counters: Counters {
        Counters(frames: tracker.frames, detectorRuns: tracker.detectorRuns, droppedFrames: droppedFrames)
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

    /// Releases the models and their memory.
    ///
    /// Calls that come later throw `FaceDetectorError.closed`; ``counters`` stay.
    ///
    /// Not needed where the tracker itself goes away.
    public func close() {
        pipeline = nil
    }

    /// Follows the faces into a frame in any running mode; `dropped` frames were left out before it.
    func follow(_ frame: VideoFrame, dropped: Int = 0) throws -> TrackedFrame {
        guard let pipeline else { throw FaceDetectorError.closed }
        droppedFrames += dropped
        let orientation = configuration.detector.frameOrientation(frame.orientation)
        return try frame.pixelBuffer.withPixelView { view in
            let size = view.uprightSize(orientation)
            return try tracker.update(
                width: size.width,
                height: size.height,
                seconds: frame.timestamp,
                detect: { try pipeline.detect(view, orientation) },
                findLandmarks: { try pipeline.findLandmarks(view, orientation, $0) }
            )
        }
    }
}
