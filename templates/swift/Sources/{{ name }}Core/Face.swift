import Foundation

/// One face, in the coordinates of the upright source image.
///
/// The origin is the image's upper left corner, x grows to the right and y downwards. A face at the edge may reach
/// beyond the image, so coordinates below zero or beyond the image's size are not an error.
public struct Face: Sendable, Equatable {
    /// The bounding box relative to the image: 0 to 1 inside it.
    public let normalizedBoundingBox: CGRect

    /// The six keypoints relative to the image: 0 to 1 inside it.
    public let normalizedKeypoints: FaceKeypoints

    /// How sure the model is that this is a face, from 0 to 1.
    public let score: Float

    /// The size of the upright image in pixels.
    public let imageSize: CGSize

    /// Makes a face from coordinates relative to the image.
    public init(normalizedBoundingBox: CGRect, normalizedKeypoints: FaceKeypoints, score: Float, imageSize: CGSize) {
        self.normalizedBoundingBox = normalizedBoundingBox
        self.normalizedKeypoints = normalizedKeypoints
        self.score = score
        self.imageSize = imageSize
    }

    /// The bounding box in pixels.
    public var boundingBox: CGRect {
        CGRect(
            x: normalizedBoundingBox.minX * imageSize.width,
            y: normalizedBoundingBox.minY * imageSize.height,
            width: normalizedBoundingBox.width * imageSize.width,
            height: normalizedBoundingBox.height * imageSize.height
        )
    }

    /// The six keypoints in pixels.
    public var keypoints: FaceKeypoints {
        normalizedKeypoints.scaled(by: imageSize)
    }

    /// The angle of the line from the right to the left eye, in degrees, clockwise positive; 0 for a level head.
    public var rollDegrees: Double {
        let right = normalizedKeypoints.rightEye
        let left = normalizedKeypoints.leftEye
        let x = (left.x - right.x) * imageSize.width
        let y = (left.y - right.y) * imageSize.height
        return atan2(Double(y), Double(x)) * 180 / .pi
    }

    /// The square around the face, in pixels, turned so that the eyes are level: what the next model in a pipeline
    /// (landmarks, expression, recognition) wants to see.
    ///
    /// Its centre is the bounding box's; its side is a multiple of the box's longer side.
    public var rotatedRect: RotatedRect {
        let box = boundingBox
        let side = max(box.width, box.height) * CGFloat(ModelSpecification.shipped.cropScale)
        return RotatedRect(
            center: CGPoint(x: box.midX, y: box.midY),
            size: CGSize(width: side, height: side),
            rotationDegrees: rollDegrees
        )
    }

    /// Returns the map from the pixels of a crop to the pixels of the image.
    ///
    /// The crop shows ``rotatedRect``, upright, in `size` pixels. Use it to sample the crop, and to bring the next
    /// model's results back to the image; its inverse goes the other way.
    ///
    /// - Parameter size: The crop's size in pixels, usually the next model's input size.
    public func cropTransform(to size: CGSize) -> CropTransform {
        CropTransform(from: size, to: rotatedRect)
    }
}

/// The six points that the model finds on a face.
///
/// Right and left are the person's own.
public struct FaceKeypoints: Sendable, Equatable {
    /// The centre of the person's right eye: on the left in an image that is not mirrored.
    public let rightEye: CGPoint
    /// The centre of the person's left eye.
    public let leftEye: CGPoint
    /// The tip of the nose.
    public let noseTip: CGPoint
    /// The centre of the mouth.
    public let mouthCenter: CGPoint
    /// The tragion of the right ear: the notch just above the small flap in front of the ear canal.
    public let rightEarTragion: CGPoint
    /// The tragion of the left ear.
    public let leftEarTragion: CGPoint

    /// How many keypoints there are.
    public static let count = 6

    /// Makes a set of keypoints.
    public init(
        rightEye: CGPoint,
        leftEye: CGPoint,
        noseTip: CGPoint,
        mouthCenter: CGPoint,
        rightEarTragion: CGPoint,
        leftEarTragion: CGPoint
    ) {
        self.rightEye = rightEye
        self.leftEye = leftEye
        self.noseTip = noseTip
        self.mouthCenter = mouthCenter
        self.rightEarTragion = rightEarTragion
        self.leftEarTragion = leftEarTragion
    }

    /// All keypoints in the order of the properties.
    public var all: [CGPoint] {
        [rightEye, leftEye, noseTip, mouthCenter, rightEarTragion, leftEarTragion]
    }

    func scaled(by size: CGSize) -> FaceKeypoints {
        func scale(_ point: CGPoint) -> CGPoint { CGPoint(x: point.x * size.width, y: point.y * size.height) }
        return FaceKeypoints(
            rightEye: scale(rightEye),
            leftEye: scale(leftEye),
            noseTip: scale(noseTip),
            mouthCenter: scale(mouthCenter),
            rightEarTragion: scale(rightEarTragion),
            leftEarTragion: scale(leftEarTragion)
        )
    }
}
