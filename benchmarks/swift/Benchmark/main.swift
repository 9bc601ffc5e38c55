// Times post-processing and sampling, and counts allocations. Arguments: the folder of the golden vectors.
// Prints one line of JSON a measurement.

import Allocations
import BlazeFaceCore
import Foundation

let specification = ModelSpecification.shipped
let golden = URL(fileURLWithPath: CommandLine.arguments[1]).appendingPathComponent(specification.name)

func floats(_ file: String) -> [Float] {
    let data = try! Data(contentsOf: golden.appendingPathComponent(file))
    return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
}

/// The processor time this thread has used, in nanoseconds: what else runs on the machine does not count.
func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Runs `body` in batches for about a second and prints the median and the 90th percentile of a call, in microseconds.
func measure(_ name: String, batch: Int, _ body: () -> Int) {
    var result = 0
    for _ in 0..<batch { result = body() }
    var times: [Double] = []
    times.reserveCapacity(100_000)
    let allocationsBefore = allocations()
    let start = processorTime()
    var now = start
    while now - start < 1e9 {
        let before = processorTime()
        for _ in 0..<batch { result &+= body() }
        now = processorTime()
        times.append((now - before) / Double(batch) / 1000)
    }
    let calls = times.count * batch
    let each = Double(allocations() - allocationsBefore) / Double(calls)
    times.sort()
    let line = [
        "\"name\": \"\(name)\"", "\"median_us\": \(times[times.count / 2])", "\"p90_us\": \(times[times.count * 9 / 10])",
        "\"allocations\": \(each)", "\"calls\": \(calls)", "\"result\": \(result % 1000)",
    ]
    print("{\(line.joined(separator: ", "))}")
}

let outputs = RawOutputs(specification)
let options = Postprocessor.Options(
    minimumScore: specification.minimumScore, blendingIoU: specification.blendingIoU, maximumFaces: nil)
let postprocessor = Postprocessor(specification, outputs: outputs, options: options)
let letterbox = Letterbox(imageWidth: 1280, imageHeight: 720, input: specification.input)
let plain = PlainPort(specification)

for (scene, file) in [("no face", "no-face"), ("one face", "astronaut"), ("50 overlapping boxes", "overlaps")] {
    let boxes = floats("\(file).boxes.f32")
    let scores = floats("\(file).scores.f32")
    _ = outputs.tensors[0].values.update(fromContentsOf: boxes)
    _ = outputs.tensors[1].values.update(fromContentsOf: scores)
    measure("decode and blend, \(scene)", batch: 200) { postprocessor.faces(in: letterbox).count }
    measure("plain port, \(scene)", batch: 20) { plain.faces(boxes: boxes, scores: scores).count }
}

let (width, height) = (1280, 720)
let bytesPerRow = width * 4
let pixels = UnsafeMutableRawPointer.allocate(byteCount: bytesPerRow * height, alignment: 64)
for index in 0..<bytesPerRow * height {
    pixels.storeBytes(of: UInt8(truncatingIfNeeded: index &* 2_654_435_761 >> 13), toByteOffset: index, as: UInt8.self)
}
let target = UnsafeMutableRawPointer.allocate(byteCount: specification.input.width * specification.input.height * 4, alignment: 64)
let sampler = LetterboxSampler(input: specification.input)
let packed = try PixelView(
    format: .bgra, width: width, height: height, first: .init(base: pixels, bytesPerRow: bytesPerRow))
let planar = try PixelView(
    format: .biPlanar(fullRange: false), width: width, height: height,
    first: .init(base: pixels, bytesPerRow: width), chroma: .init(base: pixels + width * height, bytesPerRow: width))
for (name, view) in [("BGRA", packed), ("420v", planar)] {
    for orientation in [FrameOrientation(), FrameOrientation(rotation: .right, mirrored: true)] {
        let turn = orientation.rotation == .none ? "" : ", turned and mirrored"
        measure("sample 1280 × 720 \(name)\(turn)", batch: 10) {
            sampler.sample(view, orientation, into: target, bytesPerRow: specification.input.width * 4)
            return Int(target.load(as: UInt8.self))
        }
    }
}
