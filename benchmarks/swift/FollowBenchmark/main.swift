// Follows a face through a recorded sequence with LiteRT as the landmark model, by turns with that model alone, and with
// the frame written before each.
//
// Arguments: the sequence's folder, the number of frames, libLiteRt.so, the landmark model, and bgra or nv12. Prints
// one line of JSON: for each frame the seconds that the model alone took, following the face, and of that the crop.

import BlazeFaceCore
import Foundation
import Runner

/// What `sequence.json` says.
struct Description: Decodable {
    /// Relative to the upright image, in pixels of it.
    struct DetectedFace: Decodable {
        let score: Float
        let box: [Double]
        let keypoints: [[Double]]
    }

    let width: Int
    let height: Int
    let count: Int
    let face: DetectedFace

    var detected: Face {
        let points = face.keypoints.map { CGPoint(x: $0[0], y: $0[1]) }
        return Face(
            normalizedBoundingBox: CGRect(x: face.box[0], y: face.box[1], width: face.box[2], height: face.box[3]),
            normalizedKeypoints: FaceKeypoints(
                rightEye: points[0], leftEye: points[1], noseTip: points[2], mouthCenter: points[3],
                rightEarTragion: points[4], leftEarTragion: points[5]),
            score: face.score,
            imageSize: CGSize(width: width, height: height)
        )
    }
}

/// The landmark model on one thread of the processor, through LiteRT.
final class LandmarkModel {
    private let api = UnsafeMutablePointer<LiteRt>.allocate(capacity: 1)
    private let model = UnsafeMutablePointer<Model>.allocate(capacity: 1)
    private let input: UnsafeMutableBufferPointer<Float>
    private let outputs: RawOutputs
    private let specification: LandmarkSpecification

    init(_ specification: LandmarkSpecification, library: String, model path: String, outputs: RawOutputs) {
        if let problem = litert_load(api, library) { fatalError(String(cString: problem)) }
        var options = Options()
        options.threads = 1
        let status = (library as NSString).deletingLastPathComponent.withCString { [api, model] folder in
            options.library = folder
            return model_open(model, api, &options, path, "", false)
        }
        guard status == 0 else { fatalError("LiteRT refuses the model: \(String(cString: litert_status(status)))") }
        input = UnsafeMutableBufferPointer(
            start: model.pointee.host_input.0?.assumingMemoryBound(to: Float.self), count: model.pointee.input_numbers.0)
        precondition(input.count == 3 * specification.input.width * specification.input.height)
        self.specification = specification
        self.outputs = outputs
    }

    /// Writes BGRA bytes as the RGB numbers that the model takes.
    func setInput(_ pixels: UnsafePointer<UInt32>) {
        let minimum = specification.input.minimum
        let scale = (specification.input.maximum - minimum) / 255
        for index in 0..<input.count / 3 {
            let pixel = pixels[index]
            func number(_ shift: UInt32) -> Float { Float(Int32(truncatingIfNeeded: pixel >> shift & 0xff)) }
            input[3 &* index] = number(16) * scale + minimum
            input[3 &* index &+ 1] = number(8) * scale + minimum
            input[3 &* index &+ 2] = number(0) * scale + minimum
        }
    }

    /// Hands LiteRT the input, runs the model and takes back its outputs.
    func run() {
        _ = model_run(model)
    }

    /// Gives the outputs to where the decoder looks for them.
    func copyOutputs() {
        let count = outputs.predictions.count
        guard let found = model_predictions(model, 1, count - 1, 1) else { fatalError("the model has no outputs") }
        outputs.predictions.baseAddress!.update(from: found, count: count)
    }
}

/// The one pixel buffer that a camera would write to, and the frames it writes.
struct Camera {
    let view: PixelView
    private let memory: UnsafeMutableRawPointer
    private let frames: Data
    private let frameBytes: Int
    private let count: Int

    init(_ description: Description, folder: URL, pixels: String) throws {
        let (width, height) = (description.width, description.height)
        frameBytes = pixels == "bgra" ? width * height * 4 : width * height * 3 / 2
        memory = .allocate(byteCount: frameBytes, alignment: 64)
        frames = try Data(contentsOf: folder.appendingPathComponent("\(pixels).raw"), options: .alwaysMapped)
        count = description.count
        precondition(frames.count == frameBytes * count)
        if pixels == "bgra" {
            view = try PixelView(
                format: .bgra, width: width, height: height, first: .init(base: memory, bytesPerRow: width * 4))
        } else {
            view = try PixelView(
                format: .biPlanar(fullRange: true), width: width, height: height,
                first: .init(base: memory, bytesPerRow: width),
                chroma: .init(base: memory + width * height, bytesPerRow: width))
        }
    }

    /// Writes a frame of the sequence, which is played to and fro.
    func write(_ index: Int) {
        let place = index % (2 * count - 2)
        let frame = min(place, 2 * count - 2 - place)
        frames.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress! + frame * frameBytes, byteCount: frameBytes) }
    }
}

func timed(_ work: () throws -> Void) rethrows -> Double {
    let start = now()
    try work()
    return Double(now() - start) * 1e-9
}

/// Returns the seconds of each frame by what they were spent on, after `warmup` frames that do not count.
func follow(_ folder: URL, frames: Int, warmup: Int, library: String, model path: String, pixels: String) throws
    -> [String: [Double]]
{
    let description = try JSONDecoder().decode(
        Description.self, from: Data(contentsOf: folder.appendingPathComponent("sequence.json")))
    let specification = LandmarkSpecification.shipped
    let outputs = RawOutputs(specification)
    let decoder = LandmarkDecoder(specification, outputs: outputs)
    let model = LandmarkModel(specification, library: library, model: path, outputs: outputs)
    let camera = try Camera(description, folder: folder, pixels: pixels)
    let sampler = CropSampler(input: specification.input)
    let (width, height) = (specification.input.width, specification.input.height)
    let crop = UnsafeMutablePointer<UInt32>.allocate(capacity: width * height)
    var tracker = Tracker(specification, maximumFaces: 1, smoothing: nil)
    var times: [String: [Double]] = ["alone": [], "following": [], "warp": []]
    for index in 0..<warmup + frames {
        camera.write(index)
        var warp = 0.0
        let following = try timed {
            let frame = try tracker.update(
                width: description.width, height: description.height, seconds: Double(index) / 30,
                detect: { [description.detected] },
                findLandmarks: { region in
                    warp = timed {
                        sampler.sample(camera.view, FrameOrientation(), region, into: crop, bytesPerRow: width * 4)
                    }
                    model.setInput(crop)
                    model.run()
                    model.copyOutputs()
                    return decoder.landmarks(in: region)
                })
            guard frame.faces.count == 1 else { fatalError("the face was lost in frame \(index)") }
        }
        camera.write(index)
        let alone = timed { model.run() }
        if index >= warmup {
            times["alone"]!.append(alone)
            times["following"]!.append(following)
            times["warp"]!.append(warp)
        }
    }
    guard tracker.detectorRuns == 1 else { fatalError("the detector ran in \(tracker.detectorRuns) frames") }
    return times
}

let arguments = CommandLine.arguments
guard arguments.count == 6, let frames = Int(arguments[2]), ["bgra", "nv12"].contains(arguments[5]) else {
    fatalError("usage: FollowBenchmark SEQUENCE FRAMES LIBRARY MODEL bgra|nv12")
}
let times = try follow(
    URL(fileURLWithPath: arguments[1]), frames: frames, warmup: 60, library: arguments[3], model: arguments[4],
    pixels: arguments[5])
print(String(decoding: try JSONEncoder().encode(times), as: UTF8.self))
