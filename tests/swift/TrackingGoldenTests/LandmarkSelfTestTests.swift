import XCTest

@testable import BlazeFaceCore

/// The landmark model's golden input: what is taken for one, and what passes it.
final class LandmarkSelfTestTests: XCTestCase {
    private let specification = LandmarkSpecification.shipped

    func testDifferencesDecide() throws {
        let test = try LandmarkSelfTest(file(), specification: specification)
        let outputs = RawOutputs(specification)
        func outcome(logit: Float = 4, last: Float = 1404) -> SelfTestOutcome {
            var row = (0...3 * specification.count).map { Float($0 + 1) }
            row[3 * specification.count - 1] = last
            row[3 * specification.count] = logit
            outputs.write(row)
            return test.compare(outputs)
        }
        XCTAssertEqual(outcome(), SelfTestOutcome(logitDifference: 0, coordinateDifference: 0))
        XCTAssertTrue(outcome(logit: 4.5).hasPassed)
        XCTAssertFalse(outcome(logit: 4.51).hasPassed)
        XCTAssertTrue(outcome(last: 1404 + 3.8).hasPassed)
        XCTAssertFalse(outcome(last: 1404 - 3.9).hasPassed)
        for bad in [Float.nan, .infinity] {
            XCTAssertFalse(outcome(logit: bad).hasPassed)
            XCTAssertFalse(outcome(last: bad).hasPassed)
        }
    }

    func testPictureIsWrittenAsBGRA() throws {
        let test = try LandmarkSelfTest(file(), specification: specification)
        let rgb = GoldenVectors.rgb(specification.input) { test.picture.write(into: $0, bytesPerRow: $1) }
        XCTAssertEqual(Array(rgb.prefix(4)), [0, 1, 2, 3])
        XCTAssertEqual(rgb, (0..<(192 * 192 * 3)).map { UInt8($0 % 251) })
    }

    func testDamagedFilesAreRefused() throws {
        let whole = file()
        var damaged = [Data(), whole.dropLast(), whole + [0]]
        for offset in [0, 4, 9, 13, 17] {
            var copy = whole
            copy[offset] ^= 1
            damaged.append(copy)
        }
        for data in damaged {
            XCTAssertThrowsError(try LandmarkSelfTest(data, specification: specification)) { error in
                guard case .resourceDamaged = error as? FaceDetectorError else { return XCTFail("\(error)") }
            }
        }
    }

    private func file() -> Data {
        var data = Data("SDKL".utf8)
        func append(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
        for value in [1, 192, 192, specification.count] { append(UInt32(value)) }
        data.append(contentsOf: (0..<(192 * 192 * 3)).map { UInt8($0 % 251) })
        append(Float(4).bitPattern)
        for index in 0..<(3 * specification.count) { append(Float(index + 1).bitPattern) }
        return data
    }
}
