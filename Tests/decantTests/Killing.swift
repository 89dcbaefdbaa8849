import Foundation
import TestSupport

/// Runs that are ended without a chance to tidy up.
enum Killing {
  static func run(_ arguments: [String], after time: Duration, in folder: TemporaryFolder) async throws {
    let said = URL(fileURLWithPath: folder.file("said"))
    let process = try Command.start(arguments, output: said, errors: said)
    try await Task.sleep(for: time)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try folder.remove("said")
  }
}
