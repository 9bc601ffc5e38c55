// SPDX-License-Identifier: Apache-2.0

/// How long the parts of a frame took.
public struct FrameDurations: Sendable, Hashable {
    /// Turning, scaling and converting the pixels.
    public package(set) var preprocess: Duration
    /// Running the model; a tracker's models together.
    public package(set) var inference: Duration
    /// Decoding what the model gave.
    public package(set) var postprocess: Duration
    /// From making the `VideoFrame` to the result, with all waiting.
    public package(set) var endToEnd: Duration

    package init(preprocess: Duration, inference: Duration, postprocess: Duration, endToEnd: Duration) {
        self.preprocess = preprocess
        self.inference = inference
        self.postprocess = postprocess
        self.endToEnd = endToEnd
    }
}
