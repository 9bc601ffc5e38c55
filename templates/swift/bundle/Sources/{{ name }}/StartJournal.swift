// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What starts on this device have shown so far.
///
/// Core ML's GPU path can abort the process, and no `catch` sees that. So each attempt is written down before it begins
/// and struck out when it ends: what a process left that is gone was its last attempt. Units on which the process died
/// twice in a row are left out from then on. The outcome of a ladder is kept too, so that later starts go straight to it.
///
/// All is forgotten with a new build of the system. Where the file cannot be written, nothing is remembered.
struct StartJournal: Sendable {
    /// What a ladder came to: the rung that was taken, and why others were not.
    struct Outcome: Codable, Sendable {
        struct Rejection: Codable, Sendable {
            let setup: String
            let reason: String
        }

        let setup: String
        let rejections: [Rejection]
    }

    private struct Attempt: Codable, Equatable {
        let process: String
        let processIdentifier: Int32
        let key: String
    }

    private struct Entries: Codable {
        var system: String
        var attempts: [Attempt] = []
        var deaths: [String: Int] = [:]
        var outcomes: [String: Outcome] = [:]
    }

    /// One death may be a user who ended the app, two in a row while a model started are hardly chance.
    static let deathsAllowed = 2
    static let fileName = "starts.json"

    let file: URL
    let system: String
    /// A name for this process that no other has: process identifiers come again.
    var process = Self.process

    private static let process = UUID().uuidString
    private static let lock = NSLock()

    /// How often in a row the process died in an attempt.
    func deaths(_ key: String) -> Int { edit { $0.deaths[key] ?? 0 } }

    /// Writes down that an attempt begins.
    func begin(_ key: String) {
        edit { $0.attempts.append(attempt(key)) }
    }

    /// Strikes an attempt out: the process lives.
    func end(_ key: String) {
        edit { entries in
            if let index = entries.attempts.firstIndex(of: attempt(key)) { entries.attempts.remove(at: index) }
            entries.deaths[key] = nil
        }
    }

    func outcome(_ key: String) -> Outcome? { edit { $0.outcomes[key] } }

    /// Keeps an outcome; nil forgets it.
    func keep(_ outcome: Outcome?, _ key: String) {
        edit { $0.outcomes[key] = outcome }
    }

    private func attempt(_ key: String) -> Attempt {
        Attempt(process: process, processIdentifier: ProcessInfo.processInfo.processIdentifier, key: key)
    }

    /// Reads the entries, counts what dead processes left, and writes back what has changed.
    @discardableResult
    private func edit<Result>(_ body: (inout Entries) -> Result) -> Result {
        Self.lock.lock()
        defer { Self.lock.unlock() }
        let data = try? Data(contentsOf: file)
        var entries = data.flatMap { try? JSONDecoder().decode(Entries.self, from: $0) } ?? Entries(system: system)
        if entries.system != system { entries = Entries(system: system) }
        for left in entries.attempts where left.process != process && !isAlive(left.processIdentifier) {
            entries.deaths[left.key, default: 0] += 1
        }
        entries.attempts.removeAll { $0.process != process && !isAlive($0.processIdentifier) }
        let result = body(&entries)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        if let now = try? encoder.encode(entries), now != data {
            try? FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try? now.write(to: file, options: .atomic)
        }
        return result
    }

    /// Whether a process of this user's is still there: an app's own identifier is one that came again.
    private func isAlive(_ identifier: Int32) -> Bool {
        identifier != ProcessInfo.processInfo.processIdentifier && kill(identifier, 0) == 0
    }
}
