import Foundation
import XCTest

@testable import BlazeFaceCore

/// Pixels of a picture in a view.
final class OverlayTransformTests: XCTestCase {
    private let image = CGSize(width: 200, height: 100)
    private let view = CGSize(width: 100, height: 100)

    func testFitFillAndStretch() {
        let corner = CGPoint(x: 200, y: 100)
        let cases: [(OverlayTransform.ContentMode, CGPoint, CGPoint)] = [
            (.fit, CGPoint(x: 0, y: 25), CGPoint(x: 100, y: 75)),
            (.fill, CGPoint(x: -50, y: 0), CGPoint(x: 150, y: 100)),
            (.stretch, CGPoint(x: 0, y: 0), CGPoint(x: 100, y: 100)),
        ]
        for (mode, low, high) in cases {
            let transform = OverlayTransform(imageSize: image, viewSize: view, contentMode: mode)
            XCTAssertEqual(transform.convert(CGPoint.zero), low)
            XCTAssertEqual(transform.convert(corner), high)
            let rect = transform.convert(CGRect(origin: .zero, size: image))
            XCTAssertEqual(rect, CGRect(x: low.x, y: low.y, width: high.x - low.x, height: high.y - low.y))
            let back = transform.convertToImage(transform.convert(CGPoint(x: 30, y: 40)))
            XCTAssertEqual(back.x, 30, accuracy: 1e-9)
            XCTAssertEqual(back.y, 40, accuracy: 1e-9)
        }
    }

    func testEmptyPictureGivesFiniteNumbers() {
        let transform = OverlayTransform(imageSize: .zero, viewSize: view, contentMode: .fill)
        XCTAssertTrue(transform.convert(CGPoint.zero).x.isFinite)
    }
}
