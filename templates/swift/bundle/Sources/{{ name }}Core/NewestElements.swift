// SPDX-License-Identifier: Apache-2.0

/// The elements of a sequence, without those that a slow consumer has no time for: the newest wins.
///
/// The base sequence is read as fast as it delivers, whatever the consumer does, so a camera never waits and never
/// fills memory: at most one element is kept.
package struct NewestElements<Base: AsyncSequence & Sendable>: AsyncSequence, Sendable where Base.Element: Sendable {
    /// An element, and how many before it were dropped since the beginning.
    package struct Element: Sendable {
        package let value: Base.Element
        package let dropped: Int
    }

    private let base: Base

    package init(_ base: Base) { self.base = base }

    package func makeAsyncIterator() -> Iterator { Iterator(base) }

    package struct Iterator: AsyncIteratorProtocol {
        private var elements: AsyncThrowingStream<Numbered, any Error>.Iterator
        private let pump: Pump
        private var delivered = 0

        fileprivate init(_ base: Base) {
            let (stream, continuation) = AsyncThrowingStream.makeStream(
                of: Numbered.self, bufferingPolicy: .bufferingNewest(1))
            elements = stream.makeAsyncIterator()
            pump = Pump(base, continuation)
        }

        /// Returns the newest element that was not returned yet, waiting for one if there is none.
        ///
        /// - Throws: What the base sequence throws.
        package mutating func next() async throws -> Element? {
            guard let next = try await elements.next() else { return nil }
            defer { delivered += 1 }
            return Element(value: next.value, dropped: next.number - delivered)
        }
    }

    fileprivate struct Numbered: Sendable {
        let number: Int
        let value: Base.Element
    }

    /// Reads the base sequence until it ends or the iterator goes away.
    private final class Pump: Sendable {
        private let task: Task<Void, Never>

        init(_ base: Base, _ continuation: AsyncThrowingStream<Numbered, any Error>.Continuation) {
            task = Task {
                do {
                    var number = 0
                    for try await value in base {
                        continuation.yield(Numbered(number: number, value: value))
                        number += 1
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }

        deinit { task.cancel() }
    }
}
