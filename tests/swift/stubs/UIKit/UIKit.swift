@_exported import CoreGraphics
import CoreImage
@_exported import QuartzCore

open class UIImage: @unchecked Sendable {
    public enum Orientation: Int, Sendable {
        case up = 0
        case down = 1
        case left = 2
        case right = 3
        case upMirrored = 4
        case downMirrored = 5
        case leftMirrored = 6
        case rightMirrored = 7
    }

    public let cgImage: CGImage?
    public let ciImage: CIImage?
    public let imageOrientation: Orientation

    public init(cgImage: CGImage, scale: CGFloat, orientation: Orientation) {
        self.cgImage = cgImage
        ciImage = nil
        imageOrientation = orientation
    }

    public init(ciImage: CIImage) {
        cgImage = nil
        self.ciImage = ciImage
        imageOrientation = .up
    }

    /// An image without a bitmap, as an empty one.
    public init() {
        cgImage = nil
        ciImage = nil
        imageOrientation = .up
    }
}

@MainActor
open class UIApplication: NSObject {
    public static let shared = UIApplication()
    open var isIdleTimerDisabled = false
    public override nonisolated init() {}
}

@MainActor
open class UIView: NSObject {
    open class var layerClass: AnyClass { CALayer.self }
    public let layer = CALayer()
    public override nonisolated init() {}
}
