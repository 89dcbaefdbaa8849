internal import Bytes
internal import Evaluation
internal import Remote

/// What is said along the way, on standard error; results go to standard output.
enum Terminal {
  /// Prints a failure as one line and ends the process.
  static func fail(_ message: String, code: Int32 = 1) -> Never {
    StatusLine.shared.end()
    note("decant: " + line(message))
    StandardError.end(code: code)
  }

  /// Prints what was found, a line for each kind of failure, and ends the process.
  /// - Parameter isVerbose: whether every failure has a line.
  static func fail(_ failure: FileError, isVerbose: Bool, code: Int32 = 1) -> Never {
    let all = [failure] + failure.others
    let lines = isVerbose ? all.map { sentence($0, isVerbose: true) } : FileErrors.kinds(of: all).map(sentence)
    for line in lines.dropLast() { note("decant: " + Self.line(line)) }
    fail(lines.last ?? "", code: code)
  }

  /// In the words of the command line; with the number of the rule that is broken where everything is asked for.
  static func sentence(_ failure: FileError, isVerbose: Bool) -> String {
    failure.description(remedy: \.options) + (isVerbose ? failure.rule.map { " (\($0))" } ?? "" : "")
  }

  /// The first failure of a kind, and what others it is said of.
  private static func sentence(_ kind: [FileError]) -> String {
    let first = sentence(kind[0], isVerbose: false)
    let others = kind.dropFirst()
    if others.isEmpty { return first }
    let names = others.map { $0.subject ?? $0.path }
    if others.count <= 3 { return "\(first); likewise \(names.map(FileError.quoted).joined(separator: ", "))" }
    return "\(first); and \(others.count) more like it"
      + (LayerNames.layers(of: names).map { " (\($0))" } ?? "") + ", which --verbose lists"
  }

  private static func line(_ message: String) -> String { message.replacing("\n", with: " ") }

  /// A line on standard error.
  static func note(_ line: String) {
    StatusLine.shared.clear()
    StandardError.write(line.printable + "\n")
  }

  /// Lines on standard error, the first ten unless all are asked for.
  static func notes(_ lines: some Collection<String>, isVerbose: Bool) {
    let shown = isVerbose ? lines.count : 10
    for line in lines.prefix(shown) { note(line) }
    if lines.count > shown { note("and \(lines.count - shown) more, which --verbose lists") }
  }

  /// Says what could not be removed when an output was complete.
  static func tellLeft(_ failures: [FileError]) {
    for failure in failures { note("note: " + sentence(failure, isVerbose: false)) }
  }

  /// Says that what a run of another job has done is given up.
  static func tellOtherJob(_ talk: TalkOptions) {
    guard !talk.quiet else { return }
    note(
      "note: an earlier run has left a part of another output here (of another model, recipe or version); it is replaced"
    )
  }

  /// Says that what an earlier run has done is not gone on with.
  static func tellDiscarded(_ what: String, _ talk: TalkOptions) {
    guard !talk.quiet else { return }
    note("note: \(what) do not count: files of the model have been changed, moved or linked since")
  }

  /// Says what came from elsewhere.
  static func tellFetched(_ remote: RemoteAccess, isVerbose: Bool) {
    if isVerbose { for remark in remote.remarks { note(remark) } }
    guard remote.fetchedByteCount > 0 else { return }
    note(
      "fetched \(NumberText.bytes(remote.fetchedByteCount))"
        + (isVerbose ? " in \(remote.requestCount) requests" : ""))
  }

  /// Does what may fail when the result is there already, and tells the failure.
  static func noting(_ body: () throws(FileError) -> Void) {
    do throws(FileError) {
      try body()
    } catch {
      note("note: " + sentence(error, isVerbose: false))
    }
  }

  /// A result, on standard output.
  static func result(_ text: String) throws(FileError) {
    StatusLine.shared.end()
    try StandardOutput.writeLine(text)
  }

  /// Results that are made line by line.
  static func results(
    _ make: (_ line: (String) throws(FileError) -> Void) throws(FileError) -> Void
  ) throws(FileError) {
    StatusLine.shared.end()
    try StandardOutput.writeLines(make)
  }
}
