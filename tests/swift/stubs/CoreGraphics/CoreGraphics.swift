@_exported import Foundation

// Foundation has these on Apple's platforms.
extension ProcessInfo {
    public enum ThermalState: Int, Sendable { case nominal, fair, serious, critical }

    public static nonisolated(unsafe) var stubThermalState = ThermalState.nominal
    public static nonisolated(unsafe) var stubIsLowPowerModeEnabled = false

    public var thermalState: ThermalState { Self.stubThermalState }
    public var isLowPowerModeEnabled: Bool { Self.stubIsLowPowerModeEnabled }
}

public typealias CFString = String
public typealias CFDictionary = [String: Any]
public typealias CFTypeRef = AnyObject
public typealias CFURL = URL
public typealias CFData = Data

public struct CGAffineTransform: Sendable, Equatable {
    public var a, b, c, d, tx, ty: CGFloat

    public init(a: CGFloat, b: CGFloat, c: CGFloat, d: CGFloat, tx: CGFloat, ty: CGFloat) {
        (self.a, self.b, self.c, self.d, self.tx, self.ty) = (a, b, c, d, tx, ty)
    }
}

extension CGPoint {
    public func applying(_ t: CGAffineTransform) -> CGPoint {
        CGPoint(x: t.a * x + t.c * y + t.tx, y: t.b * x + t.d * y + t.ty)
    }
}

public final class CGColorSpace {
    public static let sRGB: CFString = "kCGColorSpaceSRGB"

    public init?(name: CFString) {}
}

public enum CGImageAlphaInfo: UInt32 {
    case none, premultipliedLast, premultipliedFirst, last, first, noneSkipLast, noneSkipFirst, alphaOnly
}

public struct CGBitmapInfo: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let byteOrder32Little = CGBitmapInfo(rawValue: 2 << 12)
}

/// A bitmap of BGRA bytes, rows without padding.
public final class CGImage: Sendable {
    public let width: Int
    public let height: Int
    public let stubPixels: [UInt8]

    public init(stubWidth: Int, height: Int, pixels: [UInt8]) {
        width = stubWidth
        self.height = height
        stubPixels = pixels
    }
}

public enum CGInterpolationQuality: Int32, Sendable { case `default`, none, low, high, medium = 4 }

public final class CGContext {
    public let bytesPerRow: Int
    public let data: UnsafeMutableRawPointer?
    private let width: Int
    private let height: Int

    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int, bytesPerRow: Int,
        space: CGColorSpace, bitmapInfo: UInt32
    ) {
        precondition(data == nil && bytesPerRow == 0 && bitsPerComponent == 8, "not stubbed")
        precondition(bitmapInfo == 6 | 2 << 12, "not stubbed")
        self.width = width
        self.height = height
        self.bytesPerRow = (width * 4 + 63) / 64 * 64
        self.data = .allocate(byteCount: self.bytesPerRow * height, alignment: 64)
        Self.stubLargest = max(Self.stubLargest, self.bytesPerRow * height)
    }

    /// The most bytes that a context has held.
    public nonisolated(unsafe) static var stubLargest = 0
    public var interpolationQuality = CGInterpolationQuality.default

    deinit { data?.deallocate() }

    public func draw(_ image: CGImage, in rect: CGRect) {
        precondition(rect == CGRect(x: 0, y: 0, width: width, height: height), "only the whole is stubbed")
        image.stubPixels.withUnsafeBytes { pixels in
            for row in 0..<height {
                for column in 0..<width {
                    let source = row * image.height / height * image.width + column * image.width / width
                    (data! + row * bytesPerRow + 4 * column).copyMemory(
                        from: pixels.baseAddress! + 4 * source, byteCount: 4)
                }
            }
        }
    }
}
