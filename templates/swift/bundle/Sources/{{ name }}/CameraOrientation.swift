// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import ImageIO

#if canImport(AVFoundation) && !os(visionOS)
    import AVFoundation

    extension OverlayTransform {
        /// Makes the map from a camera's upright picture to the layer that shows it.
        ///
        /// - Parameters:
        ///   - imageSize: The upright picture's, in pixels, mirrored as the preview is.
        ///   - previewLayer: The layer; its bounds and its video gravity count.
        public init(imageSize: CGSize, previewLayer: AVCaptureVideoPreviewLayer) {
            let contentMode: ContentMode
            switch previewLayer.videoGravity {
            case .resizeAspectFill: contentMode = .fill
            case .resize: contentMode = .stretch
            default: contentMode = .fit
            }
            self.init(imageSize: imageSize, viewSize: previewLayer.bounds.size, contentMode: contentMode)
        }
    }

    /// How a camera's frames have to be turned to be upright, as the device is held at the moment.
    ///
    /// ```swift
    /// let orientation = CameraOrientation(device: camera, previewLayer: preview)
    /// // In captureOutput(_:didOutput:from:):
    /// frames.yield(try VideoFrame(sampleBuffer, orientation: orientation.current))
    /// ```
    ///
    /// It follows AVFoundation's rotation coordinator, so it also holds while the interface does not turn. For
    /// connections that turn buffers themselves (`videoRotationAngle` other than 0), frames are upright already.
    @available(iOS 17, macCatalyst 17, macOS 14, *)
    public final class CameraOrientation: @unchecked Sendable {
        private let coordinator: AVCaptureDevice.RotationCoordinator
        private let angle: Shared<CGFloat>
        private let observation: NSKeyValueObservation

        /// Begins to follow how the device is held.
        ///
        /// - Parameters:
        ///   - device: The camera.
        ///   - previewLayer: The layer that shows its picture, if there is one.
        public init(device: AVCaptureDevice, previewLayer: CALayer? = nil) {
            let coordinator = AVCaptureDevice.RotationCoordinator(device: device, previewLayer: previewLayer)
            let angle = Shared(coordinator.videoRotationAngleForHorizonLevelCapture)
            self.coordinator = coordinator
            self.angle = angle
            observation = coordinator.observe(
                \.videoRotationAngleForHorizonLevelCapture, options: [.new]
            ) { _, change in
                if let turned = change.newValue { angle.value = turned }
            }
        }

        deinit { observation.invalidate() }

        /// How the pixels of a frame that is taken now are turned. To be read from any thread.
        public var current: CGImagePropertyOrientation { CGImagePropertyOrientation(rotationAngle: angle.value) }
    }
#endif

extension CGImagePropertyOrientation {
    /// Makes the orientation of pixels that are upright once turned clockwise by an angle in degrees, rounded to a
    /// quarter turn, as AVFoundation gives it.
    public init(rotationAngle degrees: CGFloat) {
        guard degrees.isFinite else {
            self = .up
            return
        }
        let quarters = Int((degrees.truncatingRemainder(dividingBy: 360) / 90).rounded())
        switch (quarters % 4 + 4) % 4 {
        case 1: self = .right
        case 2: self = .down
        case 3: self = .left
        default: self = .up
        }
    }
}
