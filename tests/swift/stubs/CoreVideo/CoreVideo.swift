@_exported import CoreGraphics

public typealias OSType = UInt32
public typealias CVReturn = Int32
public typealias CVImageBuffer = CVBuffer
public typealias CVPixelBuffer = CVBuffer
public typealias CFAllocator = AnyObject

public let kCVReturnSuccess: CVReturn = 0
public let kCVReturnError: CVReturn = -6660
public let kCVReturnInvalidSize: CVReturn = -6681
public let kCVPixelFormatType_32BGRA: OSType = 0x4247_5241
public let kCVPixelFormatType_32RGBA: OSType = 0x5247_4241
public let kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange: OSType = 0x3432_3076
public let kCVPixelFormatType_420YpCbCr8BiPlanarFullRange: OSType = 0x3432_3066
public let kCVPixelFormatType_420YpCbCr10BiPlanarVideoRange: OSType = 0x7834_3230
public let kCVPixelFormatType_420YpCbCr10BiPlanarFullRange: OSType = 0x7866_3230
public let kCVImageBufferYCbCrMatrixKey: CFString = "CVImageBufferYCbCrMatrix"
public let kCVImageBufferYCbCrMatrix_ITU_R_601_4: CFString = "ITU_R_601_4"
public let kCVImageBufferYCbCrMatrix_ITU_R_709_2: CFString = "ITU_R_709_2"
public let kCVImageBufferYCbCrMatrix_ITU_R_2020: CFString = "ITU_R_2020"
public let kCVPixelBufferIOSurfacePropertiesKey: CFString = "IOSurfaceProperties"
public let kCVPixelBufferMetalCompatibilityKey: CFString = "MetalCompatibility"

public struct CVPixelBufferLockFlags: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let readOnly = CVPixelBufferLockFlags(rawValue: 1)
}

/// Planes of bytes whose rows are padded to multiples of 64.
public final class CVBuffer {
    public struct StubPlane {
        public let base: UnsafeMutableRawPointer
        public let bytesPerRow: Int
        public let rows: Int
    }

    fileprivate let format: OSType
    fileprivate let width: Int
    fileprivate let height: Int
    public private(set) var stubPlanes: [StubPlane]
    public var stubLockStatus = kCVReturnSuccess
    public var stubHidesMemory = false
    public private(set) var stubLocks = 0
    public var stubAttachments: [String: String] = [:]

    public init(stubFormat: OSType, width: Int, height: Int) {
        format = stubFormat
        self.width = width
        self.height = height
        let sizes: [(bytes: Int, rows: Int)]
        switch stubFormat {
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange, kCVPixelFormatType_420YpCbCr8BiPlanarFullRange:
            sizes = [(width, height), ((width + 1) / 2 * 2, (height + 1) / 2)]
        case kCVPixelFormatType_420YpCbCr10BiPlanarVideoRange, kCVPixelFormatType_420YpCbCr10BiPlanarFullRange:
            sizes = [(2 * width, height), ((width + 1) / 2 * 4, (height + 1) / 2)]
        default:
            sizes = [(width * 4, height)]
        }
        stubPlanes = sizes.map { size in
            let bytesPerRow = (size.bytes + 63) / 64 * 64
            let base = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytesPerRow * size.rows), alignment: 64)
            base.initializeMemory(as: UInt8.self, repeating: 0, count: bytesPerRow * size.rows)
            return StubPlane(base: base, bytesPerRow: bytesPerRow, rows: size.rows)
        }
    }

    /// Leaves out a plane's last row, as a buffer around an app's own memory may.
    public func stubCut(_ plane: Int) {
        let whole = stubPlanes[plane]
        stubPlanes[plane] = StubPlane(base: whole.base, bytesPerRow: whole.bytesPerRow, rows: whole.rows - 1)
    }

    deinit { for plane in stubPlanes { plane.base.deallocate() } }

    fileprivate func lock() -> CVReturn {
        if stubLockStatus == kCVReturnSuccess { stubLocks += 1 }
        return stubLockStatus
    }

    fileprivate func unlock() { stubLocks -= 1 }

    fileprivate func base(_ plane: Int) -> UnsafeMutableRawPointer? {
        precondition(stubLocks > 0, "the base address is read without a lock")
        return stubHidesMemory ? nil : stubPlanes[plane].base
    }
}

@discardableResult
public func CVPixelBufferCreate(
    _ allocator: CFAllocator?, _ width: Int, _ height: Int, _ pixelFormatType: OSType,
    _ pixelBufferAttributes: CFDictionary?, _ pixelBufferOut: UnsafeMutablePointer<CVPixelBuffer?>
) -> CVReturn {
    guard width > 0, height > 0 else { return kCVReturnInvalidSize }
    pixelBufferOut.pointee = CVPixelBuffer(stubFormat: pixelFormatType, width: width, height: height)
    return kCVReturnSuccess
}

@discardableResult
public func CVPixelBufferLockBaseAddress(_ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags) -> CVReturn {
    buffer.lock()
}

@discardableResult
public func CVPixelBufferUnlockBaseAddress(_ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags) -> CVReturn {
    buffer.unlock()
    return kCVReturnSuccess
}

public enum CVAttachmentMode { case shouldNotPropagate, shouldPropagate }

/// Any instead of Core Foundation's type, which is bridged to String on a Mac alone.
public func CVBufferCopyAttachment(
    _ buffer: CVBuffer, _ key: CFString, _ attachmentMode: UnsafeMutablePointer<CVAttachmentMode>?
) -> Any? { buffer.stubAttachments[key as String] }

public func CVPixelBufferGetPixelFormatType(_ buffer: CVPixelBuffer) -> OSType { buffer.format }
public func CVPixelBufferGetWidth(_ buffer: CVPixelBuffer) -> Int { buffer.width }
public func CVPixelBufferGetHeight(_ buffer: CVPixelBuffer) -> Int { buffer.height }
public func CVPixelBufferIsPlanar(_ buffer: CVPixelBuffer) -> Bool { buffer.stubPlanes.count > 1 }
public func CVPixelBufferGetPlaneCount(_ buffer: CVPixelBuffer) -> Int {
    buffer.stubPlanes.count > 1 ? buffer.stubPlanes.count : 0
}
public func CVPixelBufferGetBaseAddress(_ buffer: CVPixelBuffer) -> UnsafeMutableRawPointer? { buffer.base(0) }
public func CVPixelBufferGetBytesPerRow(_ buffer: CVPixelBuffer) -> Int { buffer.stubPlanes[0].bytesPerRow }
public func CVPixelBufferGetBaseAddressOfPlane(_ buffer: CVPixelBuffer, _ plane: Int) -> UnsafeMutableRawPointer? {
    buffer.base(plane)
}
public func CVPixelBufferGetHeightOfPlane(_ buffer: CVPixelBuffer, _ plane: Int) -> Int {
    buffer.stubPlanes[plane].rows
}
public func CVPixelBufferGetBytesPerRowOfPlane(_ buffer: CVPixelBuffer, _ plane: Int) -> Int {
    buffer.stubPlanes[plane].bytesPerRow
}
