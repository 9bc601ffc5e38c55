import CoreGraphics
import CoreML
import Foundation
import ImageIO

/// Finds faces in images, videos and camera streams.
///
/// Make one detector and keep it: making it loads the model, runs it once so that the first frame is not slow, and
/// compares the result with a golden one that ships with the package. If the compute units give wrong results, the
/// detector steps down to safer ones; ``activeComputeUnits`` says what it runs on, and why.
///
/// ```swift
/// let detector = try await FaceDetector()
/// let faces = try await detector.detect(pixelBuffer)
/// ```
///
/// A detector is an actor: use it from any task; calls are served one after the other. It needs no locks, and
/// allocates nothing for a frame but the faces it returns. Every error it throws is a `FaceDetectorError`.
public actor FaceDetector {
    /// What the detector was made with.
    public nonisolated let configuration: Configuration

    /// What the model runs on, and why.
    public nonisolated let activeComputeUnits: ActiveComputeUnits

    private var pipeline: Pipeline?
    private var timestamps = TimestampOrder()

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

    init(configuration: Configuration, store: ModelStore) async throws {
        try configuration.validate()
        let foothold = try await ModelLadder.detector(store, configuration.computeUnits).climbDown()
        self.configuration = configuration
        activeComputeUnits = foothold.active
        pipeline = Pipeline(runner: foothold.runner, options: configuration.postprocessing)
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
    ///   - image: The image, drawn as sRGB over black.
    ///   - orientation: How the image's pixels are turned; nil takes the configuration's.
    /// - Throws: `FaceDetectorError`: `.invalidImageSize`, `.imageWithoutBitmap` if it cannot be drawn,
    ///   `.wrongRunningMode`, `.predictionFailed`, `.closed`.
    public func detect(_ image: CGImage, orientation: CGImagePropertyOrientation? = nil) throws -> [Face] {
        let pipeline = try openPipeline()
        guard configuration.runningMode == .image else {
            throw FaceDetectorError.wrongRunningMode(
                detail: "a CGImage has no timestamp; use pixel buffers in the modes .video and .liveStream.")
        }
        return try image.withPixelView { view in
            try pipeline.search(view, configuration.frameOrientation(orientation)).faces
        }
    }

    /// Releases the model and all memory.
    ///
    /// Calls that come later throw `FaceDetectorError.closed`.
    ///
    /// Not needed where the detector itself goes away.
    public func close() {
        pipeline = nil
    }

    /// Searches a frame in any running mode.
    func search(_ frame: VideoFrame) throws -> (faces: [Face], imageSize: CGSize) {
        let pipeline = try openPipeline()
        if configuration.runningMode != .image { try timestamps.accept(frame.timestamp) }
        return try frame.pixelBuffer.withPixelView { view in
            try pipeline.search(view, configuration.frameOrientation(frame.orientation))
        }
    }

    private func openPipeline() throws -> Pipeline {
        guard let pipeline else { throw FaceDetectorError.closed }
        return pipeline
    }
}
