import Foundation
import XCTest

@testable import BlazeFaceCore

/// Numbers and smoothing of a detector's faces, and the pace of a stream.
final class DetectionTrackerTests: XCTestCase {
    private let size = CGSize(width: 100, height: 100)

    private func face(_ x: Double, _ y: Double, side: Double = 0.2, score: Float = 0.9) -> Face {
        let points = (0..<FaceKeypoints.count).map { CGPoint(x: x + Double($0) * side / 6, y: y + side / 2) }
        return Face(
            normalizedBoundingBox: CGRect(x: x, y: y, width: side, height: side),
            normalizedKeypoints: FaceKeypoints(points), score: score, imageSize: size)
    }

    func testNumberStaysWithTheFaceWhateverTheOrder() {
        var tracker = DetectionTracker(smoothing: nil)
        XCTAssertEqual(tracker.update([face(0.1, 0.1), face(0.6, 0.6)], seconds: 0).map(\.track), [1, 2])
        XCTAssertEqual(tracker.update([face(0.62, 0.6), face(0.12, 0.1)], seconds: 0.03).map(\.track), [2, 1])
        // Two faces that both overlap one of before: the nearer has its number.
        let close = tracker.update([face(0.2, 0.1), face(0.13, 0.1)], seconds: 0.06)
        XCTAssertEqual(close.map(\.track), [3, 1])
    }

    func testFaceThatBlinksKeepsItsNumberAndOneThatGoesDoesNot() {
        var tracker = DetectionTracker(smoothing: nil)
        _ = tracker.update([face(0.1, 0.1)], seconds: 0)
        XCTAssertEqual(tracker.update([], seconds: 0.2), [])
        XCTAssertEqual(tracker.update([face(0.1, 0.1)], seconds: 0.4).map(\.track), [1])
        _ = tracker.update([], seconds: 1)
        XCTAssertEqual(tracker.update([face(0.1, 0.1)], seconds: 1.1).map(\.track), [2])
        tracker.reset()
        XCTAssertEqual(tracker.update([face(0.1, 0.1)], seconds: 1.2).map(\.track), [3])
    }

    func testSmoothingSteadiesAFaceAtRest() {
        var tracker = DetectionTracker(smoothing: Smoothing())
        var found: [Double] = []
        for number in 0..<60 {
            let x = 0.1 + (number.isMultiple(of: 2) ? 0.004 : 0)
            let smoothed = tracker.update([face(x, 0.1)], seconds: Double(number) / 30)[0]
            XCTAssertEqual(smoothed.track, 1)
            XCTAssertEqual(smoothed.score, 0.9)
            if number > 30 { found.append(Double(smoothed.normalizedBoundingBox.minX)) }
        }
        XCTAssertLessThan(found.max()! - found.min()!, 0.002)
        XCTAssertEqual(found.last!, 0.102, accuracy: 0.002)
    }

    func testPaceIsThatOfTheRate() {
        func accepted(_ rate: Double?, _ load: FramePacer.Load, frames: Int = 60, perSecond: Double = 30) -> Int {
            var pacer = FramePacer(maximumFrameRate: rate)
            return (0..<frames).filter { pacer.accepts(Double($0) / perSecond, load: load) }.count
        }
        XCTAssertEqual(accepted(nil, .minimal), 60)
        XCTAssertEqual(accepted(30, .nominal), 60)
        XCTAssertEqual(accepted(20, .nominal), 40)
        XCTAssertEqual(accepted(10, .nominal), 20)
        XCTAssertEqual(accepted(30, .reduced), 30)
        XCTAssertEqual(accepted(30, .minimal), 15)
        XCTAssertEqual(accepted(100, .nominal), 60)
    }

    func testPaceSurvivesPausesAndTimeThatGoesBack() {
        var pacer = FramePacer(maximumFrameRate: 10)
        XCTAssertTrue(pacer.accepts(5, load: .nominal))
        XCTAssertFalse(pacer.accepts(5.05, load: .nominal))
        XCTAssertTrue(pacer.accepts(9, load: .nominal))
        XCTAssertFalse(pacer.accepts(9.05, load: .nominal))
        XCTAssertTrue(pacer.accepts(1, load: .nominal))
        XCTAssertFalse(pacer.accepts(1.05, load: .nominal))
        // What has no time is for others to refuse.
        XCTAssertTrue(pacer.accepts(nil, load: .nominal))
        XCTAssertTrue(pacer.accepts(.nan, load: .nominal))
    }

    func testFacesSurviveJSONAndSets() throws {
        var tracker = DetectionTracker(smoothing: nil)
        let one = tracker.update([face(0.1, 0.1)], seconds: 0)[0]
        let copy = try JSONDecoder().decode(Face.self, from: JSONEncoder().encode(one))
        XCTAssertEqual(copy, one)
        XCTAssertEqual(copy.track, 1)
        XCTAssertEqual(Set([one, copy]).count, 1)
        XCTAssertEqual(Set([one.rotatedRect, copy.rotatedRect, face(0.5, 0.1).rotatedRect]).count, 2)
    }

    func testRegionIsFoundInEveryOrientation() throws {
        // 40 × 20 stored pixels, each with its own number.
        var pixels = [UInt8](repeating: 0, count: 40 * 20 * 4)
        for index in 0..<800 {
            pixels[4 * index] = UInt8(index % 40)
            pixels[4 * index + 1] = UInt8(index / 40)
        }
        try pixels.withUnsafeBytes { bytes in
            let picture = try PixelView(
                format: .bgra, width: 40, height: 20, first: .init(base: bytes.baseAddress!, bytesPerRow: 160))
            for rotation in FrameOrientation.Rotation.allCases {
                for mirrored in [false, true] {
                    let orientation = FrameOrientation(rotation: rotation, mirrored: mirrored)
                    let upright = picture.uprightSize(orientation)
                    let region = CGRect(x: 0.5, y: 0.2, width: 0.5, height: 0.4)
                    let (view, part) = try picture.cropped(to: region, orientation)
                    XCTAssertEqual(part.minX, 0.5 * CGFloat(upright.width), accuracy: 2)
                    XCTAssertEqual(part.width, 0.5 * CGFloat(upright.width), accuracy: 2)
                    XCTAssertEqual(part.minY, 0.2 * CGFloat(upright.height), accuracy: 2)
                    let size = view.uprightSize(orientation)
                    XCTAssertEqual(CGFloat(size.width), part.width, accuracy: 1e-9)
                    XCTAssertEqual(CGFloat(size.height), part.height, accuracy: 1e-9)
                    // A sampler that sees the part sees the same pixels as one that sees the whole.
                    XCTAssertEqual(
                        corner(view, orientation), pixel(picture, orientation, Int(part.minX.rounded()), Int(part.minY.rounded())),
                        "\(orientation)")
                }
            }
        }
    }

    func testRegionOfPlanesBeginsAtWholeColours() throws {
        let luma = (0..<16 * 8).map { UInt8($0) }
        let chroma = (0..<16 * 4).map { UInt8($0) }
        try luma.withUnsafeBytes { luma in
            try chroma.withUnsafeBytes { chroma in
                let picture = try PixelView(
                    format: .biPlanar(fullRange: true), width: 16, height: 8,
                    first: .init(base: luma.baseAddress!, bytesPerRow: 16),
                    chroma: .init(base: chroma.baseAddress!, bytesPerRow: 16))
                let (view, part) = try picture.cropped(
                    to: CGRect(x: 0.2, y: 0.4, width: 0.3, height: 0.3), FrameOrientation())
                XCTAssertEqual(part, CGRect(x: 2, y: 2, width: 6, height: 4))
                XCTAssertEqual(view.first.base.load(as: UInt8.self), 2 * 16 + 2)
                XCTAssertEqual(view.second.base.load(as: UInt8.self), 1 * 16 + 2)
                let tiny = try picture.cropped(
                    to: CGRect(x: 0.999, y: 0.999, width: 0.001, height: 0.001), FrameOrientation())
                XCTAssertEqual(tiny.part, CGRect(x: 14, y: 6, width: 2, height: 2))
            }
        }
    }

    /// The upper left pixel of the upright picture.
    private func corner(_ view: PixelView, _ orientation: FrameOrientation) -> [UInt8] {
        pixel(view, orientation, 0, 0)
    }

    /// A pixel of the upright picture, found by turning whole pixels: clockwise, then flipped.
    private func pixel(_ view: PixelView, _ orientation: FrameOrientation, _ x: Int, _ y: Int) -> [UInt8] {
        let width = view.uprightSize(orientation).width
        let across = orientation.mirrored ? width - 1 - x : x
        let (column, row): (Int, Int)
        switch orientation.rotation {
        case .none: (column, row) = (across, y)
        case .right: (column, row) = (y, view.height - 1 - across)
        case .half: (column, row) = (view.width - 1 - across, view.height - 1 - y)
        case .left: (column, row) = (view.width - 1 - y, across)
        }
        let place = view.first.base + row * view.first.bytesPerRow + 4 * column
        return [place.load(as: UInt8.self), place.load(fromByteOffset: 1, as: UInt8.self)]
    }
}
