// SPDX-License-Identifier: Apache-2.0

import CoreGraphics
import CoreVideo

extension CVPixelBuffer {
    /// Calls `body` with a look at the pixels, which are locked for reading meanwhile.
    ///
    /// - Throws: `FaceDetectorError.unsupportedPixelFormat`, `.invalidImageSize` or `.invalidPixelBuffer`.
    func withPixelView<Result>(_ body: (PixelView) throws -> Result) throws -> Result {
        let code = CVPixelBufferGetPixelFormatType(self)
        guard let format = PixelView.Format(code) else { throw FaceDetectorError.unsupportedPixelFormat(format: code) }
        try lock(.readOnly)
        defer { CVPixelBufferUnlockBaseAddress(self, .readOnly) }
        let isPlanar = CVPixelBufferIsPlanar(self)
        let hasChroma = isPlanar && CVPixelBufferGetPlaneCount(self) == 2
        let chromaRows = (CVPixelBufferGetHeight(self) + 1) / 2
        if hasChroma, CVPixelBufferGetHeightOfPlane(self, 1) < chromaRows {
            throw FaceDetectorError.invalidPixelBuffer(
                detail: "its second plane has \(CVPixelBufferGetHeightOfPlane(self, 1)) rows, it needs \(chromaRows).")
        }
        return try body(
            PixelView(
                format: format,
                width: CVPixelBufferGetWidth(self),
                height: CVPixelBufferGetHeight(self),
                first: isPlanar
                    ? plane(CVPixelBufferGetBaseAddressOfPlane(self, 0), CVPixelBufferGetBytesPerRowOfPlane(self, 0))
                    : plane(CVPixelBufferGetBaseAddress(self), CVPixelBufferGetBytesPerRow(self)),
                chroma: hasChroma
                    ? plane(CVPixelBufferGetBaseAddressOfPlane(self, 1), CVPixelBufferGetBytesPerRowOfPlane(self, 1))
                    : nil,
                matrix: matrix(format)
            ))
    }

    private func plane(_ base: UnsafeMutableRawPointer?, _ bytesPerRow: Int) throws -> PixelView.Plane {
        guard let base else {
            throw FaceDetectorError.invalidPixelBuffer(detail: "it has no memory that the CPU can read.")
        }
        return PixelView.Plane(base: base, bytesPerRow: bytesPerRow)
    }

    /// The matrix that the buffer names.
    ///
    /// Where it names none: BT.709 for video range from 720 lines up, as decoders give it, else BT.601.
    private func matrix(_ format: PixelView.Format) -> YCbCrMatrix {
        guard format.isBiPlanar else { return .bt601 }
        let name = CVBufferCopyAttachment(self, kCVImageBufferYCbCrMatrixKey, nil) as? String
        if name == kCVImageBufferYCbCrMatrix_ITU_R_601_4 as String { return .bt601 }
        if name == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String { return .bt709 }
        if name == kCVImageBufferYCbCrMatrix_ITU_R_2020 as String { return .bt2020 }
        return !format.isFullRange && CVPixelBufferGetHeight(self) >= 720 ? .bt709 : .bt601
    }

    /// Locks the pixels; the caller unlocks them.
    func lock(_ flags: CVPixelBufferLockFlags) throws {
        let status = CVPixelBufferLockBaseAddress(self, flags)
        guard status == kCVReturnSuccess else {
            throw FaceDetectorError.invalidPixelBuffer(detail: "locking it failed with the status \(status).")
        }
    }
}

extension PixelView.Format {
    /// The format that Core Video's four-character code stands for, nil if it is not supported.
    init?(_ code: OSType) {
        switch code {
        case kCVPixelFormatType_32BGRA: self = .bgra
        case kCVPixelFormatType_32RGBA: self = .rgba
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange: self = .biPlanar(fullRange: false)
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange: self = .biPlanar(fullRange: true)
        case kCVPixelFormatType_420YpCbCr10BiPlanarVideoRange: self = .biPlanar10(fullRange: false)
        case kCVPixelFormatType_420YpCbCr10BiPlanarFullRange: self = .biPlanar10(fullRange: true)
        default: return nil
        }
    }
}

extension CGImage {
    /// Calls `body` with a look at the image, drawn as BGRA in sRGB over black, and no larger than `longestSide`.
    ///
    /// - Throws: `FaceDetectorError.invalidImageSize`, or `.imageWithoutBitmap` if it cannot be drawn.
    func withPixelView<Result>(longestSide: Int, _ body: (PixelView) throws -> Result) throws -> Result {
        let sides = 1...PixelView.maximumSide
        guard sides.contains(width), sides.contains(height) else {
            throw FaceDetectorError.invalidImageSize(width: width, height: height)
        }
        // A photograph of 48 megapixels would take 195 MB.
        let scale = min(1, Double(longestSide) / Double(max(self.width, self.height)))
        let width = max(1, Int((Double(self.width) * scale).rounded()))
        let height = max(1, Int((Double(self.height) * scale).rounded()))
        let layout = CGImageAlphaInfo.noneSkipFirst.rawValue | CGBitmapInfo.byteOrder32Little.rawValue
        guard let space = CGColorSpace(name: CGColorSpace.sRGB),
            let context = CGContext(
                data: nil, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 0, space: space,
                bitmapInfo: layout)
        else { throw FaceDetectorError.imageWithoutBitmap }
        context.interpolationQuality = .high
        context.draw(self, in: CGRect(x: 0, y: 0, width: width, height: height))
        guard let base = context.data else { throw FaceDetectorError.imageWithoutBitmap }
        // The context owns the pixels that `body` looks at.
        return try withExtendedLifetime(context) {
            let plane = PixelView.Plane(base: base, bytesPerRow: context.bytesPerRow)
            return try body(PixelView(format: .bgra, width: width, height: height, first: plane))
        }
    }
}
