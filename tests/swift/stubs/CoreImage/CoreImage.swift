@_exported import CoreGraphics

public final class CIImage: @unchecked Sendable {
    public let extent: CGRect

    public init(stubExtent: CGRect) { extent = stubExtent }

    public func transformed(by matrix: CGAffineTransform) -> CIImage {
        precondition(matrix.b == 0 && matrix.c == 0, "turning is not stubbed")
        return CIImage(
            stubExtent: CGRect(
                x: extent.minX * matrix.a, y: extent.minY * matrix.d, width: extent.width * matrix.a,
                height: extent.height * matrix.d))
    }
}

public final class CIContext {
    public init() {}

    public func createCGImage(_ image: CIImage, from rect: CGRect) -> CGImage? {
        let (width, height) = (Int(rect.width), Int(rect.height))
        return CGImage(stubWidth: width, height: height, pixels: Array(repeating: 55, count: width * height * 4))
    }
}
