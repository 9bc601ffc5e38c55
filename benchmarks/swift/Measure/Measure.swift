import Allocations
import BlazeFaceCore
import Foundation

/// The processor time this thread has used, in nanoseconds: what else runs on the machine does not count.
func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Runs `body` in batches for about a second and prints the median and the 90th percentile of a call, in microseconds.
package func measure(_ name: String, batch: Int, _ body: () -> Int) {
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

/// Frames of noise, 1280 × 720 pixels unless said otherwise.
package struct TestFrames {
    package let packed: PixelView
    package let planar: PixelView

    package init(width: Int = 1280, height: Int = 720) throws {
        let bytesPerRow = width * 4
        let pixels = UnsafeMutableRawPointer.allocate(byteCount: bytesPerRow * height, alignment: 64)
        for index in 0..<bytesPerRow * height {
            let byte = UInt8(truncatingIfNeeded: index &* 2_654_435_761 >> 13)
            pixels.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
        packed = try PixelView(
            format: .bgra, width: width, height: height, first: .init(base: pixels, bytesPerRow: bytesPerRow))
        planar = try PixelView(
            format: .biPlanar(fullRange: false), width: width, height: height,
            first: .init(base: pixels, bytesPerRow: width),
            chroma: .init(base: pixels + width * height, bytesPerRow: width))
    }
}
