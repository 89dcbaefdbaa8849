internal import Bytes
internal import Conversion
internal import JSON

extension Note {
  /// What is printed of it: a line, and all names where everything is asked for.
  /// - Parameter output: the one of several outputs that it is about.
  func lines(of output: String? = nil, isVerbose: Bool) -> [String] {
    ["note: " + (output.map { "\($0): " } ?? "") + sentence(isVerbose: isVerbose)]
      + (isVerbose && names.count > 1 ? names.map { "  " + $0 } : [])
  }

  /// In the words of the command line; with the number of the rule that it is about where everything is asked for.
  func sentence(isVerbose: Bool) -> String {
    description(remedy: \.options) + (isVerbose ? rule.map { " (\($0))" } ?? "" : "")
  }
}

extension [Note] {
  /// As programs read them: a sentence each.
  var json: JSONValue { .array(map { .string($0.description(remedy: \.options)) }) }
}
