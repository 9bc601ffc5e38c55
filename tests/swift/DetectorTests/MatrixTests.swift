import CoreVideo
import XCTest

@testable import BlazeFace
@testable import BlazeFaceCore

/// The matrix of Y, Cb and Cr is the one that the buffer names, else what is usual.
final class MatrixTests: XCTestCase {
    private static let video = kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange
    private static let full = kCVPixelFormatType_420YpCbCr8BiPlanarFullRange

    private func matrix(_ format: OSType, height: Int, named name: CFString? = nil) throws -> YCbCrMatrix {
        let buffer = CVPixelBuffer(stubFormat: format, width: 64, height: height)
        if let name { buffer.stubAttachments[kCVImageBufferYCbCrMatrixKey] = name }
        return try buffer.withPixelView { $0.matrix }
    }

    func testTheAttachmentDecides() throws {
        for format in [Self.video, Self.full, kCVPixelFormatType_420YpCbCr10BiPlanarVideoRange] {
            for height in [480, 1080] {
                XCTAssertEqual(
                    try matrix(format, height: height, named: kCVImageBufferYCbCrMatrix_ITU_R_601_4), .bt601)
                XCTAssertEqual(
                    try matrix(format, height: height, named: kCVImageBufferYCbCrMatrix_ITU_R_709_2), .bt709)
                XCTAssertEqual(
                    try matrix(format, height: height, named: kCVImageBufferYCbCrMatrix_ITU_R_2020), .bt2020)
            }
        }
    }

    func testWithoutOneVideoRangeIsHDFrom720LinesUp() throws {
        XCTAssertEqual(try matrix(Self.video, height: 719), .bt601)
        XCTAssertEqual(try matrix(Self.video, height: 720), .bt709)
        XCTAssertEqual(try matrix(Self.full, height: 720), .bt601)
        XCTAssertEqual(try matrix(Self.video, height: 720, named: "another"), .bt709)
        XCTAssertEqual(try matrix(kCVPixelFormatType_32BGRA, height: 720), .bt601)
    }
}
