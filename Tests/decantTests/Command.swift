import Foundation
import JSON
import Testing

/// The program as people run it: a process with a clean environment.
struct Command {
  /// What a finished run has said.
  struct Result {
    let exitCode: Int32
    let output: String
    let errors: String

    func json() throws -> JSONValue { try JSONValue(parsing: output.utf8) }
  }

  /// The executable that was built beside the tests.
  private static let executable: URL? = {
    var folders = [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()]
    folders += Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
    return folders.map { $0.appendingPathComponent("decant") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) && !$0.hasDirectoryPath }
  }()

  static func start(
    _ arguments: [String], of program: URL? = nil, environment: [String: String] = [:], output: URL, errors: URL
  ) throws -> Process {
    for file in [output, errors] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
    return try start(
      arguments, of: program, environment: environment, output: try FileHandle(forWritingTo: output),
      errors: try FileHandle(forWritingTo: errors))
  }

  static func start(
    _ arguments: [String], of program: URL? = nil, environment: [String: String] = [:], output: FileHandle,
    errors: FileHandle
  ) throws -> Process {
    let process = Process()
    guard let chosen = program ?? executable else { throw CocoaError(.fileNoSuchFile) }  // It lies beside the tests.
    process.executableURL = chosen
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"].merging(environment) { _, new in new }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    return process
  }

  @discardableResult
  static func run(_ arguments: String...) throws -> Result { try run(arguments) }

  @discardableResult
  static func run(
    _ arguments: [String], of program: URL? = nil, environment: [String: String] = [:]
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory
    let name = "decant-said-\(UUID().uuidString)"
    let (output, errors) = (folder.appendingPathComponent(name + ".out"), folder.appendingPathComponent(name + ".err"))
    defer {
      for file in [output, errors] { try? FileManager.default.removeItem(at: file) }
    }
    let process = try start(arguments, of: program, environment: environment, output: output, errors: errors)
    process.waitUntilExit()
    // A process that was ended by a signal has not exited with a code: no test expects that of it.
    return Result(
      exitCode: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
  }

  /// Runs a line of bash, in which `decant` is the program.
  static func shell(_ script: String) throws -> Result {
    let program = try #require(executable, "the tests lie beside the program")
    return try run(
      ["-c", "decant() { '\(program.path)' \"$@\"; }\n" + script], of: URL(fileURLWithPath: "/bin/bash"))
  }

  /// Runs what must succeed.
  @discardableResult
  static func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> Result {
    try succeed(arguments, sourceLocation: sourceLocation)
  }

  /// Runs what must succeed.
  @discardableResult
  static func succeed(_ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation) throws -> Result {
    let result = try run(arguments)
    try #require(
      result.exitCode == 0, "\(arguments.joined(separator: " ")): \(result.errors)", sourceLocation: sourceLocation)
    return result
  }

  /// Expects a failure that is told in one line.
  /// - Parameter mentions: what the line must name: the file, the tensor, what to do.
  static func expectFailure(
    _ arguments: [String], mentions: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let result = try run(arguments)
    let shown = "\(arguments.joined(separator: " ")): \(result.exitCode) \(result.errors)"
    #expect(result.exitCode == 1, "\(shown)", sourceLocation: sourceLocation)
    #expect(result.errors.hasPrefix("decant: "), "\(shown)", sourceLocation: sourceLocation)
    #expect(
      result.errors.filter(\.isNewline).count == 1 && result.errors.hasSuffix("\n"), "\(shown)",
      sourceLocation: sourceLocation)
    #expect(result.output == "", "\(shown)", sourceLocation: sourceLocation)
    for mention in mentions { #expect(result.errors.contains(mention), "\(shown)", sourceLocation: sourceLocation) }
  }
}
