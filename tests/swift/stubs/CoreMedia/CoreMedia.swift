@_exported import CoreVideo

public struct CMTime: Sendable {
    public var value: Int64
    public var timescale: Int32
    public init(value: Int64, timescale: Int32) {
        self.value = value
        self.timescale = timescale
    }
    /// NaN for a time that is not valid.
    public var seconds: Double { timescale == 0 ? .nan : Double(value) / Double(timescale) }
    public static let invalid = CMTime(value: 0, timescale: 0)
}

public final class CMSampleBuffer {
    fileprivate let image: CVImageBuffer?
    fileprivate let time: CMTime

    public init(stubImage: CVImageBuffer?, time: CMTime) {
        image = stubImage
        self.time = time
    }
}

public func CMSampleBufferGetImageBuffer(_ buffer: CMSampleBuffer) -> CVImageBuffer? { buffer.image }
public func CMSampleBufferGetPresentationTimeStamp(_ buffer: CMSampleBuffer) -> CMTime { buffer.time }
