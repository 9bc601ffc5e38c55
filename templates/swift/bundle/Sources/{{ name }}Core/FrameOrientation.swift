// SPDX-License-Identifier: Apache-2.0

/// How the pixels of a buffer have to be turned to be upright: clockwise by `rotation`, then flipped left-right if
/// `mirrored`.
package struct FrameOrientation: Sendable, Hashable {
    package enum Rotation: Int, Sendable, CaseIterable {
        case none = 0
        case right = 90
        case half = 180
        case left = 270
    }

    package var rotation: Rotation
    package var mirrored: Bool

    package init(rotation: Rotation = .none, mirrored: Bool = false) {
        self.rotation = rotation
        self.mirrored = mirrored
    }

    /// Whether the upright image is as wide as the buffer is high.
    package var swapsSides: Bool { rotation == .right || rotation == .left }

    /// Whether columns of the upright image run against an axis of the buffer.
    var isReversedAcross: Bool { (rotation == .right || rotation == .half) != mirrored }

    /// Whether rows of the upright image run against an axis of the buffer.
    var isReversedDown: Bool { rotation == .half || rotation == .left }
}
