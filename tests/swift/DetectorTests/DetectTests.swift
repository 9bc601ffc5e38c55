import CoreImage
import CoreMedia
import ImageIO
import UIKit
import XCTest
import os

@testable import BlazeFace

/// Frames and images, one by one.
final class DetectTests: XCTestCase {
    private let input = ModelSpecification.shipped.input

    func testFaceIsInUprightPixels() async throws {
        let detector = try await makeDetector(FakeModel())
        let faces = try await detector.detect(pixelBuffer(200, 100))
        let face = try XCTUnwrap(faces.first)
        XCTAssertEqual(faces.count, 1)
        XCTAssertGreaterThan(face.score, 0.5)
        XCTAssertEqual(face.imageSize, CGSize(width: 200, height: 100))
        XCTAssertEqual(face.boundingBox.midX, face.normalizedBoundingBox.midX * 200, accuracy: 1e-9)
        XCTAssertEqual(face.keypoints.noseTip.y, face.normalizedKeypoints.noseTip.y * 100, accuracy: 1e-9)
        XCTAssertTrue(face.boundingBox.contains(face.keypoints.noseTip))
        XCTAssertLessThan(face.keypoints.rightEye.x, face.keypoints.leftEye.x)

        let turned = try await detector.detect(pixelBuffer(200, 100), orientation: .right)
        XCTAssertEqual(turned[0].imageSize, CGSize(width: 100, height: 200))
    }

    func testCropTransformLaysTheCropOverTheRotatedRect() async throws {
        let detector = try await makeDetector(FakeModel())
        let faces = try await detector.detect(pixelBuffer(200, 100))
        let rect = faces[0].rotatedRect
        let transform = faces[0].cropTransform(to: CGSize(width: 192, height: 192))
        let corners = [(0, 0), (192, 0), (192, 192), (0, 192)].map { transform.apply(to: CGPoint(x: $0.0, y: $0.1)) }
        for (found, corner) in zip(corners, rect.corners) {
            XCTAssertEqual(found.x, corner.x, accuracy: 1e-9)
            XCTAssertEqual(found.y, corner.y, accuracy: 1e-9)
        }
        let point = CGPoint(x: 17, y: 31)
        XCTAssertEqual(point.applying(CGAffineTransform(transform)), transform.apply(to: point))
        let inverse = try XCTUnwrap(transform.inverse)
        XCTAssertEqual(inverse.apply(to: rect.center).x, 96, accuracy: 1e-9)
        let right = inverse.apply(to: faces[0].keypoints.rightEye)
        let left = inverse.apply(to: faces[0].keypoints.leftEye)
        XCTAssertEqual(right.y, left.y, accuracy: 1e-6, "the eyes are level in the crop")
        XCTAssertLessThan(right.x, left.x)
    }

    func testOrientationAndMirroringReachTheSampler() async throws {
        // One bright pixel in the upper left corner of the buffer; where it is once upright, by EXIF orientation.
        let corners: [(CGImagePropertyOrientation, top: Bool, left: Bool)] = [
            (.up, true, true), (.upMirrored, true, false), (.down, false, false), (.downMirrored, false, true),
            (.leftMirrored, true, true), (.right, true, false), (.rightMirrored, false, false), (.left, false, true),
        ]
        for isMirrored in [false, true] {
            let fake = FakeModel()
            let detector = try await makeDetector(fake, .init(isMirrored: isMirrored))
            for corner in corners {
                let buffer = pixelBuffer(input.width, input.width)
                for row in 0..<(input.width / 4) {
                    let plane = buffer.stubPlanes[0]
                    memset(plane.base + row * plane.bytesPerRow, 0xff, input.width)
                }
                _ = try await detector.detect(buffer, orientation: corner.0)
                let column = (corner.left != isMirrored ? 1 : 7) * input.width / 8
                let row = (corner.top ? 1 : 7) * input.height / 8
                let bright = fake.lastInput.indices.filter { $0 % 4 == 1 && fake.lastInput[$0] == 0xff }
                let stride = (input.width * 4 + 63) / 64 * 64
                XCTAssertTrue(bright.contains(row * stride + 4 * column + 1), "\(corner.0), mirrored \(isMirrored)")
                XCTAssertEqual(Double(bright.count), pow(Double(input.width / 4), 2), accuracy: Double(input.width))
            }
        }
    }

    func testCameraFormats() async throws {
        let fake = FakeModel()
        let detector = try await makeDetector(fake)
        let formats = [
            kCVPixelFormatType_32BGRA, kCVPixelFormatType_32RGBA, kCVPixelFormatType_420YpCbCr8BiPlanarFullRange,
            kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange, kCVPixelFormatType_420YpCbCr10BiPlanarFullRange,
            kCVPixelFormatType_420YpCbCr10BiPlanarVideoRange,
        ]
        for format in formats {
            let buffer = pixelBuffer(65, 47, format)
            let isColour = buffer.stubPlanes.count == 1
            for plane in buffer.stubPlanes { memset(plane.base, 128, plane.bytesPerRow * plane.rows) }
            let faces = try await detector.detect(buffer)
            XCTAssertEqual(faces.count, 1)
            XCTAssertEqual(buffer.stubLocks, 0, "the buffer is unlocked again")
            let centre = fake.lastInput[(input.height / 2) * ((input.width * 4 + 63) / 64 * 64) + 2 * input.width]
            let isVideoRange = [
                kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange, kCVPixelFormatType_420YpCbCr10BiPlanarVideoRange,
            ].contains(format)
            let grey = isVideoRange ? 130 : 128
            XCTAssertEqual(Int(centre), grey, "colour \(isColour)")
        }
    }

    func testBuffersThatCannotBeSearched() async throws {
        let detector = try await makeDetector(FakeModel())
        await expect("unsupportedPixelFormat") { _ = try await detector.detect(pixelBuffer(8, 8, 0x7934_3230)) }
        await expect("invalidImageSize") { _ = try await detector.detect(pixelBuffer(0, 0)) }
        await expect("invalidImageSize") { _ = try await detector.detect(pixelBuffer(40_000, 1)) }
        let locked = pixelBuffer()
        locked.stubLockStatus = kCVReturnError
        await expect("invalidPixelBuffer") { _ = try await detector.detect(locked) }
        let hidden = pixelBuffer(8, 8, kCVPixelFormatType_420YpCbCr8BiPlanarFullRange)
        hidden.stubHidesMemory = true
        await expect("invalidPixelBuffer") { _ = try await detector.detect(hidden) }
        XCTAssertEqual(hidden.stubLocks, 0)
        let cut = pixelBuffer(8, 7, kCVPixelFormatType_420YpCbCr8BiPlanarFullRange)
        _ = try await detector.detect(cut)
        cut.stubCut(1)
        await expect("invalidPixelBuffer") { _ = try await detector.detect(cut) }
        XCTAssertEqual(cut.stubLocks, 0)
        let faces = try await detector.detect(pixelBuffer(1, 1))
        XCTAssertEqual(faces.count, 1, "the detector still works")
    }

    func testImages() async throws {
        let fake = FakeModel()
        let detector = try await makeDetector(fake)
        let bitmap = CGImage(stubWidth: 30, height: 20, pixels: Array(repeating: 77, count: 30 * 20 * 4))
        let faces = try await detector.detect(bitmap)
        XCTAssertEqual(faces[0].imageSize, CGSize(width: 30, height: 20))
        XCTAssertEqual(fake.lastInput.max(), 0xff)
        let portrait = try await detector.detect(UIImage(cgImage: bitmap, scale: 3, orientation: .left))
        XCTAssertEqual(portrait[0].imageSize, CGSize(width: 20, height: 30))
        await expect("imageWithoutBitmap") { _ = try await detector.detect(UIImage()) }
        let empty = CGImage(stubWidth: 0, height: 0, pixels: [])
        await expect("invalidImageSize") { _ = try await detector.detect(empty) }
    }

    func testPhotographsAreDrawnNoLargerThanTheModelNeeds() async throws {
        let detector = try await makeDetector(FakeModel())
        let (width, height) = (8000, 6000)
        CGContext.stubLargest = 0
        let data = Data("STUB".utf8) + [80, 60, 6]
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try data.write(to: file)
        let bitmap = CGImage(stubWidth: 4000, height: 3000, pixels: Array(repeating: 77, count: 4000 * 3000 * 4))
        let filtered = CIImage(stubExtent: CGRect(x: -10, y: 5, width: width, height: height))
        let found = [
            try await detector.detect(contentsOf: file), try await detector.detect(data),
            try await detector.detect(bitmap), try await detector.detect(filtered, orientation: .down),
            try await detector.detect(UIImage(ciImage: filtered)),
            try await detector.detect(UIImage(cgImage: bitmap, scale: 1, orientation: .right)),
        ]
        let sizes = [
            (height, width), (height, width), (4000, 3000), (width, height), (width, height), (3000, 4000),
        ]
        for (faces, size) in zip(found, sizes) {
            XCTAssertEqual(faces.map(\.imageSize), [CGSize(width: size.0, height: size.1)])
            // The box is a share of the square input, so it has the size of the whole photograph.
            XCTAssertGreaterThan(faces[0].boundingBox.width, 300)
        }
        let side = 4 * input.width
        XCTAssertLessThanOrEqual(CGContext.stubLargest, side * side * 4, "a 48-megapixel photograph takes 195 MB")
        let landscape = try await detector.detect(Data("STUB".utf8) + [80, 60, 0])
        XCTAssertEqual(landscape[0].imageSize, CGSize(width: width, height: height))
    }

    func testImagesThatCannotBeRead() async throws {
        let detector = try await makeDetector(FakeModel())
        await expect("imageUnreadable") { _ = try await detector.detect(Data("GIF".utf8)) }
        await expect("imageUnreadable") { _ = try await detector.detect(contentsOf: URL(fileURLWithPath: "/none")) }
        for extent in [CGRect.null, CGRect.infinite, CGRect.zero] {
            await expect("invalidImageSize") { _ = try await detector.detect(CIImage(stubExtent: extent)) }
        }
        let video = try await makeDetector(FakeModel(), .init(runningMode: .video))
        await expect("wrongRunningMode") { _ = try await video.detect(Data("STUB".utf8) + [1, 1, 0]) }
    }

    func testVideoWantsRisingTimestamps() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .video))
        _ = try await detector.detect(pixelBuffer(), timestamp: 1)
        await expect("timestampNotRising") { _ = try await detector.detect(pixelBuffer(), timestamp: 1) }
        await expect("timestampNotRising") { _ = try await detector.detect(pixelBuffer(), timestamp: 0.5) }
        await expect("timestampMissing") { _ = try await detector.detect(pixelBuffer()) }
        await expect("timestampMissing") { _ = try await detector.detect(pixelBuffer(), timestamp: .nan) }
        _ = try await detector.detect(pixelBuffer(), timestamp: 1.5)
        let bitmap = CGImage(stubWidth: 1, height: 1, pixels: [0, 0, 0, 0])
        await expect("wrongRunningMode") { _ = try await detector.detect(bitmap) }
    }

    func testSampleBuffers() async throws {
        let detector = try await makeDetector(FakeModel(), .init(runningMode: .video))
        let first = CMSampleBuffer(stubImage: pixelBuffer(), time: CMTime(value: 1, timescale: 30))
        let faces = try await detector.detect(first)
        XCTAssertEqual(faces.count, 1)
        await expect("timestampNotRising") { _ = try await detector.detect(first) }
        let timeless = CMSampleBuffer(stubImage: pixelBuffer(), time: .invalid)
        await expect("timestampMissing") { _ = try await detector.detect(timeless) }
        let empty = CMSampleBuffer(stubImage: nil, time: CMTime(value: 2, timescale: 30))
        await expect("invalidPixelBuffer") { _ = try await detector.detect(empty) }
    }

    func testUseAfterClose() async throws {
        let detector = try await makeDetector(FakeModel())
        await detector.close()
        await detector.close()
        await expect("closed") { _ = try await detector.detect(pixelBuffer()) }
        let bitmap = CGImage(stubWidth: 1, height: 1, pixels: [0, 0, 0, 0])
        await expect("closed") { _ = try await detector.detect(bitmap) }
    }

    func testCoreMLFailuresAreReportedAndSurvived() async throws {
        let fake = FakeModel()
        let detector = try await makeDetector(fake)
        fake.predictionFails = true
        await expect("predictionFailed") { _ = try await detector.detect(pixelBuffer()) }
        fake.predictionFails = false
        let faces = try await detector.detect(pixelBuffer())
        XCTAssertEqual(faces.count, 1)
    }

    func testMaximumFacesAndThresholdAreHeeded() async throws {
        let strict = try await makeDetector(FakeModel(), .init(minimumScore: 1))
        let none = try await strict.detect(pixelBuffer())
        XCTAssertEqual(none, [])
        let loose = try await makeDetector(FakeModel(), .init(minimumScore: 0, blendingIoU: 1))
        let all = try await loose.detect(pixelBuffer())
        XCTAssertGreaterThan(all.count, 1)
        let one = try await makeDetector(FakeModel(), .init(minimumScore: 0, blendingIoU: 1, maximumFaces: 1))
        let best = try await one.detect(pixelBuffer())
        XCTAssertEqual(best, [all[0]])
    }

    func testFrameLeavesThreeIntervals() async throws {
        let detector = try await makeDetector(FakeModel())
        OSSignposter.stubIntervals = []
        _ = try await detector.detect(pixelBuffer())
        XCTAssertEqual(OSSignposter.stubIntervals, ["preprocess", "inference", "postprocess"])
    }
}
