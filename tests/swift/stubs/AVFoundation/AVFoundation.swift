@_exported import CoreMedia
@_exported import Dispatch
@_exported import QuartzCore

public let kCVPixelBufferPixelFormatTypeKey: CFString = "PixelFormatType"

public struct AVMediaType: Sendable {
    public static let video = AVMediaType()
}

public struct AVLayerVideoGravity: Sendable, Hashable {
    private let name: String
    public static let resizeAspectFill = AVLayerVideoGravity(name: "resizeAspectFill")
    public static let resizeAspect = AVLayerVideoGravity(name: "resizeAspect")
    public static let resize = AVLayerVideoGravity(name: "resize")
}

// Foundation has these on Apple's platforms.
public struct NSKeyValueObservingOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let new = NSKeyValueObservingOptions(rawValue: 1)
}

public struct NSKeyValueObservedChange<Value> {
    public let newValue: Value?
}

public final class NSKeyValueObservation: NSObject {
    public func invalidate() {}
}

open class AVCaptureInput: NSObject {}
open class AVCaptureOutput: NSObject {}
open class AVCaptureConnection: NSObject {}

open class AVCaptureDevice: NSObject {
    public struct DeviceType: Sendable {
        public static let builtInWideAngleCamera = DeviceType()
    }
    public enum Position: Sendable {
        case unspecified, back, front
    }

    /// Changes are reported on the main queue.
    open class RotationCoordinator: NSObject {
        public static nonisolated(unsafe) var stubAngle: CGFloat = 0
        public let stubPreviewLayer: CALayer?

        public init(device: AVCaptureDevice, previewLayer: CALayer?) { stubPreviewLayer = previewLayer }

        open var videoRotationAngleForHorizonLevelCapture: CGFloat { Self.stubAngle }

        public func observe(
            _ keyPath: KeyPath<RotationCoordinator, CGFloat>, options: NSKeyValueObservingOptions,
            changeHandler: @escaping @Sendable (RotationCoordinator, NSKeyValueObservedChange<CGFloat>) -> Void
        ) -> NSKeyValueObservation {
            Self.stubObserved = { [weak self] angle in
                guard let self else { return }
                Self.stubAngle = angle
                changeHandler(self, NSKeyValueObservedChange(newValue: angle))
            }
            return NSKeyValueObservation()
        }

        /// Turns the device.
        public static nonisolated(unsafe) var stubObserved: (CGFloat) -> Void = { _ in }
    }

    open class func requestAccess(for mediaType: AVMediaType) async -> Bool { false }

    open class func `default`(
        _ deviceType: DeviceType, for mediaType: AVMediaType?, position: Position
    ) -> AVCaptureDevice? { nil }
}

open class AVCaptureDeviceInput: AVCaptureInput {
    public init(device: AVCaptureDevice) throws {}
}

@preconcurrency
public protocol AVCaptureVideoDataOutputSampleBufferDelegate: NSObjectProtocol {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection)
}

open class AVCaptureVideoDataOutput: AVCaptureOutput {
    open var videoSettings: [String: Any] = [:]
    open func setSampleBufferDelegate(
        _ sampleBufferDelegate: (any AVCaptureVideoDataOutputSampleBufferDelegate)?, queue: DispatchQueue?
    ) {}
}

open class AVCaptureSession: NSObject, @unchecked Sendable {
    public struct Preset: Sendable {
        public static let hd1280x720 = Preset()
        public static let high = Preset()
    }

    open var sessionPreset = Preset.high
    open func canAddInput(_ input: AVCaptureInput) -> Bool { true }
    open func canAddOutput(_ output: AVCaptureOutput) -> Bool { true }
    open func addInput(_ input: AVCaptureInput) {}
    open func addOutput(_ output: AVCaptureOutput) {}
    open func beginConfiguration() {}
    open func commitConfiguration() {}
    open func startRunning() {}
}

open class AVCaptureVideoPreviewLayer: CALayer {
    open var session: AVCaptureSession?
    open var videoGravity = AVLayerVideoGravity.resizeAspectFill
}
