@_exported import CoreGraphics

open class NSGraphicsContext {}

public struct NSImageRep {
    public struct HintKey: Hashable, Sendable {}
}

open class NSImage: @unchecked Sendable {
    private let bitmap: CGImage

    public init(cgImage: CGImage, size: NSSize) { bitmap = cgImage }

    open func cgImage(
        forProposedRect proposedDestRect: UnsafeMutablePointer<NSRect>?, context referenceContext: NSGraphicsContext?,
        hints: [NSImageRep.HintKey: Any]?
    ) -> CGImage? {
        bitmap
    }
}
