import XCTest

// What the performance test uses of XCTest that only Apple's has. It is compiled here, not run.

final class XCTAttachment {
    enum Lifetime { case keepAlways }
    var name: String?
    var lifetime = Lifetime.keepAlways
    init(string: String) {}
}

extension XCTestCase {
    func add(_ attachment: XCTAttachment) {}
}
