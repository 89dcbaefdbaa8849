import JSON
import TestSupport
import Testing

/// A calibration of the tiny model, made once for all tests.
enum TinyCalibration {
  private static let made: (path: String, folder: TemporaryFolder)? = {
    guard let folder = try? TemporaryFolder() else { return nil }
    let path = folder.file("tiny.calibration")
    let arguments = [
      "calibrate", TinyLlama.path, "--tokens", "4096", "--context", "64", "--output", path, "--quiet",
    ]
    guard let result = try? Command.run(arguments), result.exitCode == 0 else { return nil }
    return (path, folder)
  }()

  static func path() throws -> String { try #require(made).path }
}

extension Command {
  /// What a command that succeeds tells a program.
  static func json(_ arguments: [String]) throws -> JSONValue {
    let result = try run(arguments + ["--json", "--quiet"])
    try #require(result.exitCode == 0, "\(result.errors)")
    return try result.json()
  }
}
