// Times post-processing and sampling, and counts allocations. Arguments: the folder of the golden vectors.
// Prints one line of JSON a measurement.

import BlazeFaceCore
import Foundation
import Measure

let specification = ModelSpecification.shipped
let golden = URL(fileURLWithPath: CommandLine.arguments[1]).appendingPathComponent(specification.name)

func floats(_ file: String) -> [Float] {
    let data = try! Data(contentsOf: golden.appendingPathComponent(file))
    return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
}

let outputs = RawOutputs(specification)
let options = Postprocessor.Options(
    minimumScore: specification.minimumScore, blendingIoU: specification.blendingIoU, maximumFaces: nil)
let postprocessor = Postprocessor(specification, outputs: outputs, options: options)
let letterbox = Letterbox(imageWidth: 1280, imageHeight: 720, input: specification.input)
let plain = PlainPort(specification)

for (scene, file) in [("no face", "no-face"), ("one face", "astronaut"), ("50 overlapping boxes", "overlaps")] {
    let rows = floats("\(file).predictions.f32")
    _ = outputs.predictions.update(fromContentsOf: rows)
    // The plain port decodes the outputs of the released file.
    let starts = stride(from: 0, to: rows.count, by: BoxNumbers.rowLength)
    let boxes = starts.flatMap { rows[$0..<$0 + BoxNumbers.count] }
    let scores = starts.map { rows[$0 + BoxNumbers.count] }
    measure("decode and blend, \(scene)", batch: 200) { postprocessor.faces(in: letterbox).count }
    measure("plain port, \(scene)", batch: 20) { plain.faces(boxes: boxes, scores: scores).count }
}

let target = UnsafeMutableRawPointer.allocate(
    byteCount: specification.input.width * specification.input.height * 4, alignment: 64)
let bytesPerRow = specification.input.width * 4
let samplers = Sampling.allCases.map { ($0, LetterboxSampler(input: specification.input, sampling: $0)) }
for (width, height) in [(1280, 720), (1920, 1080), (4032, 3024)] {
    let frames = try TestFrames(width: width, height: height)
    let copy = UnsafeMutableRawPointer.allocate(byteCount: width * height * 4, alignment: 64)
    for (name, view, bytes) in [
        ("BGRA", frames.packed, width * height * 4), ("420v", frames.planar, width * height * 3 / 2),
    ] {
        let what = "\(width) × \(height) \(name)"
        measure("copy \(what)", batch: 3) {
            copy.copyMemory(from: view.first.base, byteCount: bytes)
            return Int(copy.load(fromByteOffset: bytes - 1, as: UInt8.self))
        }
        for (sampling, sampler) in samplers {
            for orientation in [FrameOrientation(), FrameOrientation(rotation: .right, mirrored: true)] {
                let turn = orientation.rotation == .none ? "" : ", turned and mirrored"
                measure("\(sampling) \(what)\(turn)", batch: 3) {
                    sampler.sample(view, orientation, into: target, bytesPerRow: bytesPerRow)
                    return Int(target.load(as: UInt8.self))
                }
            }
        }
    }
    measure("plain area \(width) × \(height) BGRA", batch: 1) {
        let input = plainAverages(frames.packed, side: specification.input.width)
        return Int(input[input.count / 2])
    }
    copy.deallocate()
}
