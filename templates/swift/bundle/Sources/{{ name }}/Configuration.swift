import ImageIO

extension FaceDetector {
    /// How frames reach the detector.
    public enum RunningMode: String, Sendable, Hashable, CaseIterable {
        /// Single images that have nothing to do with each other. Timestamps are not needed.
        case image
        /// The frames of a video, every one of them searched, in order. Timestamps must rise.
        case video
        /// A camera: when frames come faster than they can be searched, the newest wins. Timestamps must rise.
        case liveStream
    }

    /// What an app decides about a detector.
    public struct Configuration: Sendable, Hashable {
        /// How frames reach the detector.
        public var runningMode: RunningMode

        /// Where the model may run; the default is whatever is fastest on the device.
        ///
        /// What it runs on in the end is in ``FaceDetector/activeComputeUnits``.
        public var computeUnits: ComputeUnits

        /// The lowest score of a face, from 0 to 1.
        public var minimumScore: Float

        /// How much two boxes overlap, as intersection over union from 0 to 1, before they count as one face.
        public var blendingIoU: Float

        /// The most faces to return, best first; nil returns all.
        public var maximumFaces: Int?

        /// How large frames become the model's input; `.point` gives what MediaPipe gives.
        public var sampling: Sampling

        /// Whether upright frames are to be flipped left-right, as a selfie preview shows them.
        ///
        /// What is right and left of a face is then exchanged: see `FaceKeypoints`.
        public var isMirrored: Bool

        /// How the pixels of frames are turned, for frames that do not say so themselves.
        public var orientation: CGImagePropertyOrientation

        /// Makes a configuration; the thresholds default to the model's own.
        public init(
            runningMode: RunningMode = .image,
            computeUnits: ComputeUnits = .automatic,
            minimumScore: Float = Self.defaultMinimumScore,
            blendingIoU: Float = Self.defaultBlendingIoU,
            maximumFaces: Int? = nil,
            sampling: Sampling = .area,
            isMirrored: Bool = false,
            orientation: CGImagePropertyOrientation = .up
        ) {
            self.runningMode = runningMode
            self.computeUnits = computeUnits
            self.minimumScore = minimumScore
            self.blendingIoU = blendingIoU
            self.maximumFaces = maximumFaces
            self.sampling = sampling
            self.isMirrored = isMirrored
            self.orientation = orientation
        }

        /// The lowest score that the model's authors recommend.
        public static var defaultMinimumScore: Float { ModelSpecification.shipped.minimumScore }

        /// The overlap that the model's authors recommend.
        public static var defaultBlendingIoU: Float { ModelSpecification.shipped.blendingIoU }

        func validate() throws {
            func check(_ holds: Bool, _ detail: String) throws {
                if !holds { throw FaceDetectorError.invalidConfiguration(detail: detail) }
            }
            try check((0...1).contains(minimumScore), "minimumScore is \(minimumScore), it must be from 0 to 1.")
            try check((0...1).contains(blendingIoU), "blendingIoU is \(blendingIoU), it must be from 0 to 1.")
            if let maximumFaces {
                try check(maximumFaces > 0, "maximumFaces is \(maximumFaces), it must be above 0, or nil for all.")
            }
        }

        var postprocessing: Postprocessor.Options {
            Postprocessor.Options(
                minimumScore: minimumScore, blendingIoU: blendingIoU, maximumFaces: maximumFaces)
        }

        /// How a frame's pixels have to be turned, with what the frame says and this configuration adds.
        func frameOrientation(_ given: CGImagePropertyOrientation?) -> FrameOrientation {
            var result = FrameOrientation(given ?? orientation)
            if isMirrored { result.mirrored.toggle() }
            return result
        }
    }
}

extension FrameOrientation {
    /// The turn and flip that an EXIF orientation asks for.
    init(_ orientation: CGImagePropertyOrientation) {
        switch orientation {
        case .up: self.init(rotation: .none)
        case .upMirrored: self.init(rotation: .none, mirrored: true)
        case .down: self.init(rotation: .half)
        case .downMirrored: self.init(rotation: .half, mirrored: true)
        case .right: self.init(rotation: .right)
        case .leftMirrored: self.init(rotation: .right, mirrored: true)
        case .left: self.init(rotation: .left)
        case .rightMirrored: self.init(rotation: .left, mirrored: true)
        @unknown default: self.init()
        }
    }
}
