/// What went wrong with a file, where, and what to do about it. Prints as one sentence that begins with the
/// path.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kinds of failure a program may want to tell apart.
  public struct Code: Hashable, Sendable {
    private enum Kind: Hashable {
      case missing, exists, truncated, malformed, unsupported, mismatch, system, interrupted
    }
    private let kind: Kind

    /// The file, shard, tensor or key is not there.
    public static let missing = Code(kind: .missing)
    /// The output is there already, or another run is writing it.
    public static let exists = Code(kind: .exists)
    /// The file ends before what its header announces.
    public static let truncated = Code(kind: .truncated)
    /// The bytes break a rule of the format.
    public static let malformed = Code(kind: .malformed)
    /// The bytes are in order, but ask for something that is not read or written here.
    public static let unsupported = Code(kind: .unsupported)
    /// Parts that should belong together do not fit: a shape, a rank, a count.
    public static let mismatch = Code(kind: .mismatch)
    /// The operating system refused: full disk, permission, input or output error.
    public static let system = Code(kind: .system)
    /// The process was asked to stop (SIGINT, SIGTERM).
    public static let interrupted = Code(kind: .interrupted)
  }

  public let code: Code
  /// The file or folder.
  public private(set) var path: String
  /// The tensor or key concerned, if it is about one.
  public let subject: String?
  /// Bytes from the start of the file, if the failure has a place.
  public let offset: Int?
  /// What was found, what was expected, what to do.
  public private(set) var message: String
  /// What to do, where programs have words of their own for it.
  public private(set) var remedies: [Remedy]
  /// The numbered rule of a format's `SPEC.md` that is broken, if it is one: `GGUF-12`. `description` does not tell it.
  public let rule: String?
  /// Failures that were found together with this one. `description` does not tell them.
  public private(set) var others: [FileError] = []

  public init(
    _ code: Code, path: String, subject: String? = nil, offset: Int? = nil, _ message: String, remedy: Remedy? = nil,
    rule: String? = nil
  ) {
    self.code = code
    self.path = path
    self.subject = subject
    self.offset = offset
    self.message = message
    self.rule = rule
    remedies = remedy.map { [$0] } ?? []
  }

  /// This failure with others, and theirs.
  public func with(others: [FileError]) -> FileError {
    var result = self
    for other in others { result.others += [other] + other.others }
    return result
  }

  /// This failure of something else.
  public func with(path: String) -> FileError {
    var result = self
    result.path = path
    return result
  }

  /// This failure in other words.
  public func with(message: String) -> FileError {
    var result = self
    result.message = message
    return result
  }

  /// This failure with something more to do about it.
  public func with(_ remedy: Remedy, message: String? = nil) -> FileError {
    var result = self
    if !remedies.contains(remedy) { result.remedies.append(remedy) }
    if let message { result.message = message }
    return result
  }

  public var description: String { description { $0.sentence } }

  /// The sentence, with a program's own words for what to do.
  public func description(remedy word: (Remedy) -> String) -> String {
    var place = path == "-" ? "standard input" : path
    if let subject { place += ": \(Self.quoted(subject))" }
    if let offset { place += " (byte \(offset))" }
    return "\(place): " + ([message.printable] + remedies.map(word)).joined(separator: "; ")
  }

  /// A name in quotes. Names come from files: characters that control a terminal or the direction of text are
  /// escaped, and the length is bounded.
  public static func quoted(_ name: String) -> String {
    let shown = String(String.UnicodeScalarView(name.unicodeScalars.prefix(160))).printable
    return "\"\(shown)\(name.unicodeScalars.count > 160 ? "…" : "")\""
  }

  public static func noSuchTensor(_ name: String, in path: String) -> FileError {
    FileError(.missing, path: path, subject: name, "there is no such tensor")
  }
}
