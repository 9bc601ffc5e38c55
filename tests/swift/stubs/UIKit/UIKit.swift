@_exported import CoreGraphics

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
    public let imageOrientation: Orientation

    public init(cgImage: CGImage, scale: CGFloat, orientation: Orientation) {
        self.cgImage = cgImage
        imageOrientation = orientation
    }

    /// An image without a bitmap, as one made of a Core Image filter.
    public init() {
        cgImage = nil
        imageOrientation = .up
    }
}

open class CALayer: NSObject {}

@MainActor
open class UIView: NSObject {
    open class var layerClass: AnyClass { CALayer.self }
    public let layer = CALayer()
    public override nonisolated init() {}
}
