// Times the crop and the tracker without its models, and counts allocations. Argument: the folder of the golden vectors.
// Prints one line of JSON a measurement.

import BlazeFaceCore
import Foundation
import Measure

let specification = LandmarkSpecification.shipped
let golden = URL(fileURLWithPath: CommandLine.arguments[1]).appendingPathComponent("sequences")

let frames = try TestFrames()
let target = UnsafeMutableRawPointer.allocate(
    byteCount: specification.input.width * specification.input.height * 4, alignment: 64)
let region = RotatedRect(
    center: CGPoint(x: 640, y: 360), size: CGSize(width: 480, height: 480), rotationDegrees: 20)
for (name, view) in [("BGRA", frames.packed), ("420v", frames.planar)] {
    for orientation in [FrameOrientation(), FrameOrientation(rotation: .right, mirrored: true)] {
        let turn = orientation.rotation == .none ? "" : ", turned and mirrored"
        for sampling in Sampling.allCases {
            let sampler = CropSampler(input: specification.input, sampling: sampling)
            measure("crop by \(sampling) 1280 × 720 \(name)\(turn)", batch: 10) {
                sampler.sample(view, orientation, region, into: target, bytesPerRow: specification.input.width * 4)
                return Int(target.load(as: UInt8.self))
            }
        }
    }
}

// The landmark model's answer for a real face, as the golden sequence has it.
let row = try! Data(contentsOf: golden.appendingPathComponent("steady.calls.f32")).withUnsafeBytes {
    Array($0.bindMemory(to: Float.self).prefix(3 * specification.count + 1))
}
let outputs = RawOutputs(specification)
_ = outputs.predictions.update(fromContentsOf: row)
let decoder = LandmarkDecoder(specification, outputs: outputs)
measure("decode landmarks", batch: 100) { decoder.landmarks(in: region)!.points.count }

let square = CGRect(x: 0.3, y: 0.2, width: 0.25, height: 0.45)
let point = CGPoint(x: 0.4, y: 0.4)
let face = Face(
    normalizedBoundingBox: square,
    normalizedKeypoints: FaceKeypoints(
        rightEye: point, leftEye: CGPoint(x: 0.5, y: 0.4), noseTip: point, mouthCenter: point, rightEarTragion: point,
        leftEarTragion: point),
    score: 0.9,
    imageSize: CGSize(width: 1280, height: 720)
)
for (name, smoothing) in [("track a face", nil), ("track a face, smoothed", Smoothing())] {
    var tracker = Tracker(specification, maximumFaces: 1, smoothing: smoothing)
    var seconds = 0.0
    // Every crop gives the same landmarks in the image, so that the face stays where it is.
    measure(name, batch: 100) {
        seconds += 1.0 / 30
        let frame = try! tracker.update(
            width: 1280, height: 720, seconds: seconds, detect: { [face] },
            findLandmarks: { _ in decoder.landmarks(in: region) })
        return frame.faces.count
    }
    precondition(tracker.detectorRuns == 1)
}
