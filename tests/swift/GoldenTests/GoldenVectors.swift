import Foundation
import XCTest

@testable import BlazeFaceCore

/// Reads the golden vectors of the model and layout that the package was rendered for.
enum GoldenVectors {
    struct Postprocess: Decodable {
        struct Options: Decodable {
            let minimum_score: Float
            let blending_iou: Float
            let maximum_faces: Int?
        }
        struct Output: Decodable {
            let file: String
            let shape: [Int]
        }
        struct Image: Decodable {
            let width: Int
            let height: Int
        }
        struct Face: Decodable {
            struct Roi: Decodable {
                let center: [Double]
                let size: [Double]
                let rotation_degrees: Double
            }
            let score: Float
            let box: [Double]
            let keypoints: [[Double]]
            let roll_degrees: Double
            let roi: Roi
        }
        let `case`: String
        let layout: String
        let options: Options
        let outputs: [String: Output]
        let image: Image
        let faces: [Face]
    }

    struct Preprocess: Decodable {
        struct Pixels: Decodable {
            struct Plane: Decodable {
                let file: String
                let row_stride: Int
                let pixel_stride: Int
            }
            let format: String
            let width: Int
            let height: Int
            let range: String?
            let planes: [Plane]
        }
        struct Input: Decodable {
            let file: String
            let shape: [Int]
        }
        let `case`: String
        let pixels: Pixels
        let rotation: Int
        let mirrored: Bool
        let input: Input
    }

    private struct Kind: Decodable {
        let kind: String
    }

    static let specification = ModelSpecification.shipped

    private static func folder() throws -> URL {
        let root = try XCTUnwrap(ProcessInfo.processInfo.environment["GOLDEN"], "GOLDEN names no folder")
        return URL(fileURLWithPath: root).appendingPathComponent(specification.name)
    }

    static func postprocess() throws -> [Postprocess] {
        let layout = if case .merged = specification.outputs { "merged" } else { "standard" }
        return try cases("postprocess", Postprocess.self).filter { $0.layout == layout }
    }

    static func preprocess() throws -> [Preprocess] {
        try cases("preprocess", Preprocess.self).filter { $0.pixels.format != "i420" }
    }

    private static func cases<Case: Decodable>(_ kind: String, _ type: Case.Type) throws -> [Case] {
        let files = try FileManager.default.contentsOfDirectory(at: folder(), includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
            .map { try Data(contentsOf: $0) }
            .filter { try JSONDecoder().decode(Kind.self, from: $0).kind == kind }
            .map { try JSONDecoder().decode(type, from: $0) }
    }

    static func floats(_ file: String) throws -> [Float] {
        let data = try bytes(file)
        return stride(from: 0, to: data.count, by: 4).map { start in
            Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[start + $1]) << (8 * UInt32($1)) })
        }
    }

    static func bytes(_ file: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: folder().appendingPathComponent(file)))
    }
}
