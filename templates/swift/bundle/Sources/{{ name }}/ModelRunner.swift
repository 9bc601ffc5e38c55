// SPDX-License-Identifier: Apache-2.0

/// Runs a model, from memory that its input is written to, into memory that its outputs are read from.
///
/// Both are allocated once.
protocol ModelRunner: AnyObject {
    /// What the last run wrote.
    var outputs: RawOutputs { get }

    /// Whether a run failed, or ended without having computed anything, as runs on the GPU do in the background.
    var hasFailed: Bool { get }

    /// Calls `body` with the memory for the input, BGRA bytes, and its bytes a row.
    func writeInput<Result>(_ body: (UnsafeMutableRawPointer, Int) throws -> Result) throws -> Result

    /// Runs the model for the first time.
    ///
    /// - Throws: As `run`.
    func runFirst() throws

    /// Runs the model on the input. Outputs that the runtime does not write, though it reports no error, are NaN
    /// afterwards.
    ///
    /// - Throws: `FaceDetectorError.predictionFailed`, or `.modelInterfaceMismatch` if an output is not as specified.
    func run() throws
}
