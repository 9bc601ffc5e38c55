// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Tells when the app becomes active: what it may not do in the background, it may do again then.
final class ActivationObserver: @unchecked Sendable {
    private static let names = [
        "UIApplicationDidBecomeActiveNotification", "NSExtensionHostDidBecomeActiveNotification",
    ]

    private let tokens: [any NSObjectProtocol]

    init(_ action: @escaping @Sendable () -> Void) {
        // By name, so that neither UIKit nor an app is needed, as in an extension.
        tokens = Self.names.map { name in
            NotificationCenter.default.addObserver(
                forName: Notification.Name(name), object: nil, queue: nil
            ) { _ in action() }
        }
    }

    deinit { tokens.forEach(NotificationCenter.default.removeObserver) }
}

/// A value that actors write and anyone reads.
final class Shared<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) { stored = value }

    var value: Value {
        get { lock.withLock { stored } }
        set { lock.withLock { stored = newValue } }
    }
}
