public import Bytes
public import Conversion

/// One thing that a check has found in a model.
public struct Finding: Sendable {
  /// How much it matters, the worst first.
  public enum Severity: String, CaseIterable, Sendable {
    /// The model does not work, or not as its original does.
    case error
    /// It may not do what a person expects.
    case warning
    /// What a person should know.
    case note
  }

  /// What it is about.
  public enum Part: String, CaseIterable, Sendable {
    case structure, tensors, values, tokenizer, template, original
  }

  public let severity: Severity
  public let part: Part
  private let content: Content

  private enum Content {
    case note(Note)
    /// Failures of one kind.
    case failures([FileError])
  }

  public init(_ severity: Severity, _ part: Part, _ note: Note) {
    self.severity = severity
    self.part = part
    content = .note(note)
  }

  /// - Parameter failures: of one kind, one at least.
  init(_ severity: Severity, _ part: Part, _ failures: [FileError]) {
    self.severity = severity
    self.part = part
    content = .failures(failures)
  }

  /// A sentence, with a program's own words for what to do.
  public func sentence(remedy word: (Remedy) -> String) -> String {
    switch content {
    case .note(let note): return note.description(remedy: word)
    case .failures(let failures):
      guard let first = failures.first else { return "" }
      let sentence = first.description(remedy: word)
      guard failures.count > 1 else { return sentence }
      return "\(sentence); and \(failures.count - 1) more like it"
        + (LayerNames.layers(of: names).map { " (\($0))" } ?? "")
    }
  }

  /// The tensors or keys that it is said of.
  public var names: [String] {
    switch content {
    case .note(let note): note.names
    case .failures(let failures): failures.compactMap(\.subject)
    }
  }

  /// The numbered rule of a format that is broken, if it is one.
  public var rule: String? {
    switch content {
    case .note(let note): note.rule
    case .failures(let failures): failures.first?.rule
    }
  }
}

/// Collects findings.
struct Findings {
  private(set) var all: [Finding] = []

  mutating func add(_ severity: Finding.Severity, _ part: Finding.Part, _ cause: String, of names: [String] = []) {
    all.append(Finding(severity, part, Note(cause, of: names)))
  }

  mutating func add(_ severity: Finding.Severity, _ part: Finding.Part, _ note: Note) {
    all.append(Finding(severity, part, note))
  }

  /// Adds a failure and those that were found with it, one finding for each kind.
  mutating func add(_ severity: Finding.Severity, _ part: Finding.Part, _ failure: FileError) {
    for kind in FileErrors.kinds(of: [failure] + failure.others) { all.append(Finding(severity, part, kind)) }
  }

  /// Adds what `body` fails with; what is only not supported here is a note.
  /// - Throws: what the system refuses.
  mutating func attempt<Result>(
    _ severity: Finding.Severity, _ part: Finding.Part, _ body: () throws(FileError) -> Result
  ) throws(FileError) -> Result? {
    do throws(FileError) {
      return try body()
    } catch {
      guard error.code != .system, error.code != .interrupted else { throw error }
      add(error.code == .unsupported ? .note : severity, part, error)
      return nil
    }
  }
}
