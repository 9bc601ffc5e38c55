@_exported import CoreGraphics

public enum CGImagePropertyOrientation: UInt32, Sendable {
    case up = 1
    case upMirrored = 2
    case down = 3
    case downMirrored = 4
    case leftMirrored = 5
    case right = 6
    case rightMirrored = 7
    case left = 8
}

public let kCGImageSourceCreateThumbnailFromImageAlways: CFString = "ThumbnailAlways"
public let kCGImageSourceThumbnailMaxPixelSize: CFString = "ThumbnailMaxPixelSize"
public let kCGImageSourceCreateThumbnailWithTransform: CFString = "ThumbnailWithTransform"
public let kCGImageSourceShouldCacheImmediately: CFString = "ShouldCacheImmediately"
public let kCGImagePropertyPixelWidth: CFString = "PixelWidth"
public let kCGImagePropertyPixelHeight: CFString = "PixelHeight"
public let kCGImagePropertyOrientation: CFString = "Orientation"

/// Reads files of the stub's own kind: the letters STUB, then a byte each for width and height in hundreds of pixels and for
/// the orientation, 0 for none.
public final class CGImageSource {
    let width: Int
    let height: Int
    let orientation: UInt32

    init?(_ data: Data?) {
        guard let data, data.count == 7, data.starts(with: "STUB".utf8) else { return nil }
        (width, height, orientation) = (Int(data[4]) * 100, Int(data[5]) * 100, UInt32(data[6]))
    }
}

public func CGImageSourceCreateWithURL(_ url: CFURL, _ options: CFDictionary?) -> CGImageSource? {
    CGImageSource(try? Data(contentsOf: url))
}

public func CGImageSourceCreateWithData(_ data: CFData, _ options: CFDictionary?) -> CGImageSource? {
    CGImageSource(data)
}

public func CGImageSourceGetPrimaryImageIndex(_ source: CGImageSource) -> Int { 0 }

public func CGImageSourceCopyPropertiesAtIndex(
    _ source: CGImageSource, _ index: Int, _ options: CFDictionary?
) -> NSDictionary? {
    var properties: [String: NSNumber] = [
        kCGImagePropertyPixelWidth: NSNumber(value: source.width),
        kCGImagePropertyPixelHeight: NSNumber(value: source.height),
    ]
    if source.orientation > 0 { properties[kCGImagePropertyOrientation] = NSNumber(value: source.orientation) }
    return NSDictionary(dictionary: properties)
}

public func CGImageSourceCreateThumbnailAtIndex(
    _ source: CGImageSource, _ index: Int, _ options: CFDictionary?
) -> CGImage? {
    guard let limit = options?[kCGImageSourceThumbnailMaxPixelSize] as? Int else { return nil }
    let scale = min(1, Double(limit) / Double(max(source.width, source.height)))
    let (width, height) = (Int(Double(source.width) * scale), Int(Double(source.height) * scale))
    return CGImage(stubWidth: width, height: height, pixels: Array(repeating: 99, count: width * height * 4))
}
