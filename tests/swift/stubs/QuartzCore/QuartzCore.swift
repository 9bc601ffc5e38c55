@_exported import CoreGraphics

open class CALayer: NSObject {
    open var bounds = CGRect.zero
}
