// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Runs an actor's work on a queue of its own: a model's run blocks its thread, and Swift's own threads are as few as
/// the processor's cores, for the whole app.
final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label, qos: .userInitiated)
    }

    #if canImport(Darwin)
        // What iOS 16 and macOS 13 have.
        func enqueue(_ job: UnownedJob) {
            let executor = asUnownedSerialExecutor()
            queue.async { job.runSynchronously(on: executor) }
        }
    #else
        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            let executor = asUnownedSerialExecutor()
            queue.async { job.runSynchronously(on: executor) }
        }
    #endif

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

/// Starts a model on a queue of its own.
actor ModelWorker {
    private let executor = QueueExecutor(label: "FaceDetector.start")

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func start(_ ladder: @Sendable () throws -> ModelLadder) async throws -> StartedModel {
        try await ladder().start(on: self)
    }
}
