// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How a face's points are smoothed from frame to frame: the parameters of a one-euro filter, steady where a face rests, quick where it moves.
///
/// Speeds are measured in face sizes a second, so that the parameters hold for near and far faces. See G. Casiez,
/// N. Roussel, D. Vogel: "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
/// CHI 2012.
public struct Smoothing: Sendable, Hashable, Codable {
    /// The largest value of a parameter: beyond it points are as good as not smoothed.
    private static let most = 1e6

    /// The cutoff at rest, in hertz, up to 1e6: lower is steadier.
    public var minimumCutoff: Double

    /// How much the cutoff rises with the speed, from 0 to 1e6: higher follows fast movements more closely.
    public var beta: Double

    /// The cutoff for the speed itself, in hertz, up to 1e6.
    public var derivativeCutoff: Double

    /// Makes a set of parameters.
    public init(minimumCutoff: Double = 1, beta: Double = 10, derivativeCutoff: Double = 1) {
        self.minimumCutoff = minimumCutoff
        self.beta = beta
        self.derivativeCutoff = derivativeCutoff
    }

    /// - Throws: `FaceDetectorError.invalidConfiguration` for cutoffs that are not above 0, a beta below 0, or one of
    ///   them above 1e6.
    package func validate() throws {
        func check(_ holds: Bool, _ detail: String) throws {
            if !holds { throw FaceDetectorError.invalidConfiguration(detail: detail) }
        }
        for (name, value) in [("minimumCutoff", minimumCutoff), ("derivativeCutoff", derivativeCutoff)] {
            let holds = value > 0 && value <= Self.most
            try check(holds, "the smoothing's \(name) is \(value), it must be above 0, at most 1e6.")
        }
        try check(beta >= 0 && beta <= Self.most, "the smoothing's beta is \(beta), it must be from 0 to 1e6.")
    }
}

/// Smooths the points of one face from frame to frame, in memory allocated once.
struct OneEuroFilter: Sendable {
    private let parameters: Smoothing
    private var time: Double?
    private var points: [SIMD3<Float>]
    private var speeds: [SIMD3<Float>]

    init(_ parameters: Smoothing, count: Int) {
        self.parameters = parameters
        points = Array(repeating: .zero, count: count)
        speeds = points
    }

    /// Forgets the face.
    mutating func reset() { time = nil }

    /// Smooths the points of a face in place.
    ///
    /// - Parameters:
    ///   - found: As many points as the filter was made for, in pixels.
    ///   - size: The face's size in pixels.
    ///   - seconds: When the points were found, later than those before.
    mutating func smooth(_ found: inout [SIMD3<Float>], size: Double, seconds: Double) {
        guard let before = time else {
            time = seconds
            for index in points.indices {
                points[index] = found[index]
                speeds[index] = .zero
            }
            return
        }
        time = seconds
        let elapsed = seconds - before
        let speedScale = Float(1 / (max(size, 1e-6) * elapsed))
        let speedStep = Float(2 * .pi * parameters.derivativeCutoff * elapsed)
        let speedShare = speedStep / (speedStep + 1)
        let turn = Float(2 * .pi * elapsed)
        let restCutoff = Float(parameters.minimumCutoff)
        let beta = Float(parameters.beta)
        for index in points.indices {
            let move = found[index] - points[index]
            var speed = speeds[index]
            speed += speedShare * (move * speedScale - speed)
            speeds[index] = speed
            let magnitude = speed.replacing(with: -speed, where: speed .< 0)
            let step = turn * (restCutoff + beta * magnitude)
            points[index] += step / (step + 1) * move
            found[index] = points[index]
        }
    }
}
