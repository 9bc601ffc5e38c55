import XCTest

// What the performance test uses that only Apple's XCTest and Foundation have. It is compiled here, not run.

final class XCTAttachment {
    enum Lifetime { case keepAlways }
    var name: String?
    var lifetime = Lifetime.keepAlways
    init(string: String) {}
}

extension XCTestCase {
    func add(_ attachment: XCTAttachment) {}
}

extension ProcessInfo {
    enum ThermalState: Int { case nominal }
    var thermalState: ThermalState { .nominal }
}
