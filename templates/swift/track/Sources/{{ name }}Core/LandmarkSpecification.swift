// SPDX-License-Identifier: Apache-2.0

/// Everything that describes the landmark model, so that no other file holds a number of it.
package struct LandmarkSpecification: ConvertedModel {
    /// The square region around a face's landmarks: two of them are turned level.
    package struct Region: Sendable {
        package let fromPoint: Int
        package let toPoint: Int
        /// The side, in multiples of the longer side of the landmarks' box.
        package let scale: Double
    }

    /// A line between two landmarks.
    package struct Line: Sendable {
        package let fromPoint: Int
        package let toPoint: Int
    }

    package let name: String
    package let weightsSHA256: String
    package let input: ModelSpecification.Input
    /// One row: x, y and z of each landmark, then the presence logit.
    package let outputs: [ModelSpecification.Output]
    /// How many landmarks there are.
    package let count: Int
    /// A crop holds a face if its presence is above this.
    package let minimumPresence: Double
    /// Two regions that overlap by more than this, as intersection over union, show one face.
    package let associationIoU: Double
    /// How many detected faces a frame are tried beyond the free places, where some prove to be none.
    package let extraCandidates: Int
    package let region: Region
    /// From the forehead to the chin.
    package let midline: Line
    /// The landmarks whose mean each of the detector's keypoints is.
    package let keypoints: [[Int]]
    package let resources: [ModelSpecification.Resource]
}
