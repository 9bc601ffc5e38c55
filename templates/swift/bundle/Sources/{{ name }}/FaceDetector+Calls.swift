// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation

extension FaceDetector {
    /// Makes a detector, for code without `await`; see ``init(configuration:)``.
    ///
    /// - Parameters:
    ///   - configuration: What the app decides.
    ///   - queue: Where the handler is called.
    ///   - completion: Is given the detector, or why there is none.
    public static func make(
        configuration: Configuration = Configuration(), queue: DispatchQueue = .main,
        completion: @escaping @Sendable (Result<FaceDetector, any Error>) -> Void
    ) {
        report(on: queue, completion) { try await FaceDetector(configuration: configuration) }
    }

    /// Searches a frame, for code without `await`; see `detect(_:)`.
    ///
    /// Frames are searched in the order in which their searches begin, which is not always that of the calls: call again
    /// once the handler was called.
    ///
    /// - Parameters:
    ///   - frame: The frame.
    ///   - queue: Where the handler is called.
    ///   - completion: Is given the faces, best first, or why there are none.
    public nonisolated func detect(
        _ frame: VideoFrame, queue: DispatchQueue = .main,
        completion: @escaping @Sendable (Result<[Face], any Error>) -> Void
    ) {
        Self.report(on: queue, completion) { try await self.detect(frame) }
    }

    /// Searches an image file, for code without `await`; see ``detect(contentsOf:)``.
    ///
    /// - Parameters:
    ///   - url: The file.
    ///   - queue: Where the handler is called.
    ///   - completion: Is given the faces, best first, or why there are none.
    public nonisolated func detect(
        contentsOf url: URL, queue: DispatchQueue = .main,
        completion: @escaping @Sendable (Result<[Face], any Error>) -> Void
    ) {
        Self.report(on: queue, completion) { try await self.detect(contentsOf: url) }
    }

    /// Searches a frame and blocks until that is done, for the owner of a queue such as a camera's.
    ///
    /// Not to be called on the main thread, nor from a task, whose threads are few: use `detect(_:)` there.
    ///
    /// - Returns: The faces, best first.
    /// - Throws: `FaceDetectorError`, as `detect(_:)`.
    @available(*, noasync, message: "use detect(_:), which does not block a thread of Swift's own")
    public nonisolated func detectSynchronously(_ frame: VideoFrame) throws -> [Face] {
        let result = Shared<Result<[Face], any Error>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        Task {
            do {
                result.value = .success(try await self.detect(frame))
            } catch {
                result.value = .failure(error)
            }
            isDone.signal()
        }
        isDone.wait()
        return try result.value!.get()
    }

    private static func report<Value: Sendable>(
        on queue: DispatchQueue, _ completion: @escaping @Sendable (Result<Value, any Error>) -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) {
        Task {
            let result: Result<Value, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            queue.async { completion(result) }
        }
    }
}
