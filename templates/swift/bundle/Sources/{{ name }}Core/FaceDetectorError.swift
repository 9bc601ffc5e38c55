// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Why faces could not be looked for.
///
/// Every case says what happened in `errorDescription` and what to do about it in `recoverySuggestion`.
public enum FaceDetectorError: Error, Sendable, Equatable {
    /// A resource of this package is not in the app.
    case resourceMissing(name: String)
    /// A resource of this package cannot be read, or the system refuses it.
    case resourceDamaged(name: String, detail: String)
    /// A model resource is not the one this package was generated with.
    case modelHashMismatch(name: String, expected: String, found: String)
    /// The model's inputs or outputs are not those this package was generated for.
    case modelInterfaceMismatch(detail: String)
    /// The model gave wrong results for the golden input on every compute unit.
    case selfTestFailed(detail: String)
    /// A value of the configuration cannot be meant.
    case invalidConfiguration(detail: String)
    /// The pixel format is none of those supported; `format` is its four-character code.
    case unsupportedPixelFormat(format: UInt32)
    /// The image has no pixels, or too many on a side.
    case invalidImageSize(width: Int, height: Int)
    /// The pixel buffer's memory is not laid out as its format and size ask for, or cannot be had.
    case invalidPixelBuffer(detail: String)
    /// The image holds no bitmap.
    case imageWithoutBitmap
    /// The file or data is no image that can be decoded.
    case imageUnreadable
    /// The call does not belong to the running mode.
    case wrongRunningMode(detail: String)
    /// The running mode asks for a timestamp and the frame has none.
    case timestampMissing
    /// A frame's timestamp, in seconds, is not after the one before it.
    case timestampNotRising(previous: Double, given: Double)
    /// Core ML or Core AI failed to run the model.
    case predictionFailed(detail: String)
    /// The call came after `close()`.
    case closed
}

extension FaceDetectorError {
    /// Whether the next frame of a stream may fare better.
    package var concernsOneFrame: Bool {
        switch self {
        case .unsupportedPixelFormat, .invalidImageSize, .invalidPixelBuffer, .timestampMissing, .timestampNotRising,
            .predictionFailed:
            return true
        default:
            return false
        }
    }

    /// Whether time went back, as it does where a camera or a video begins anew.
    package var isStepBack: Bool {
        if case .timestampNotRising(let previous, let given) = self { return given < previous }
        return false
    }
}

extension FaceDetectorError: LocalizedError {
    /// What happened.
    public var errorDescription: String? {
        switch self {
        case .resourceMissing(let name):
            return "The resource \(name) is not in the app."
        case .resourceDamaged(let name, let detail):
            return "The resource \(name) cannot be used: \(detail)"
        case .modelHashMismatch(let name, let expected, let found):
            return "The model \(name) is not the one this package was generated with: "
                + "its sha256 is \(found), not \(expected)."
        case .modelInterfaceMismatch(let detail):
            return "The model's inputs or outputs are not those this package was generated for: \(detail)"
        case .selfTestFailed(let detail):
            return "The model gave wrong results for the golden input on every compute unit: \(detail)"
        case .invalidConfiguration(let detail):
            return "The configuration cannot be used: \(detail)"
        case .unsupportedPixelFormat(let format):
            return "The pixel format \(Self.text(ofFormat: format)) is not supported."
        case .invalidImageSize(let width, let height):
            return "An image of \(width) × \(height) pixels cannot be searched."
        case .invalidPixelBuffer(let detail):
            return "The pixel buffer cannot be read: \(detail)"
        case .imageWithoutBitmap:
            return "The image holds no bitmap."
        case .imageUnreadable:
            return "The file or data is no image that can be decoded."
        case .wrongRunningMode(let detail):
            return "The call does not belong to the running mode: \(detail)"
        case .timestampMissing:
            return "The frame has no timestamp."
        case .timestampNotRising(let previous, let given):
            return "The timestamp \(given) s is not after \(previous) s, the one before it."
        case .predictionFailed(let detail):
            return "The model could not be run: \(detail)"
        case .closed:
            return "The call came after close()."
        }
    }

    /// What to do about it.
    public var recoverySuggestion: String? {
        switch self {
        case .resourceMissing:
            return "Check that the app contains the package's resource bundle (Build Phases, Copy Bundle Resources), "
                + "or pass the bundle or folder that holds the resources."
        case .resourceDamaged:
            return "Add the package anew; if the message stays, generate it again with sdkgen build."
        case .modelHashMismatch, .modelInterfaceMismatch:
            return "Restore the model that came with the package, or generate the package again with sdkgen build."
        case .selfTestFailed:
            return "Report the device and system version; meanwhile turn the feature off on this device."
        case .invalidConfiguration:
            return "Correct the value."
        case .unsupportedPixelFormat:
            return "Set the camera output's video settings to 420v, 420f, x420, xf20 or BGRA."
        case .invalidImageSize:
            return "Pass an image with 1 to \(PixelView.maximumSide) pixels on each side."
        case .invalidPixelBuffer:
            return "Pass a pixel buffer made by Core Video or the camera, and do not change it while it is searched."
        case .imageWithoutBitmap:
            return "Pass an image with a CGImage or CIImage behind it; render symbol images first."
        case .imageUnreadable:
            return "Check that the file exists and is an image that this system shows, such as JPEG, HEIC or PNG."
        case .wrongRunningMode:
            return "Choose the running mode that the call asks for."
        case .timestampMissing:
            return "Pass the frame's presentation time, or use the running mode .image."
        case .timestampNotRising:
            return "Pass frames in the order they were taken; call reset() before those of another video."
        case .predictionFailed:
            return "In the background, where iOS refuses GPU work, use .cpuAndNeuralEngine or .cpuOnly. Elsewhere try "
                + ".cpuOnly; if that helps, report the device and system version."
        case .closed:
            return "Make a new instance."
        }
    }

    /// Returns a four-character code as text, or as hexadecimal where it is not printable.
    private static func text(ofFormat format: UInt32) -> String {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: format >> (24 - 8 * $0)) }
        guard bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else { return "0x" + String(format, radix: 16) }
        return "'" + String(decoding: bytes, as: UTF8.self) + "'"
    }
}
