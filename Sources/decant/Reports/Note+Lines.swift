internal import Bytes
internal import Conversion

extension Note {
  /// What is printed of it: a line, and all names where everything is asked for.
  func lines(isVerbose: Bool) -> [String] {
    ["note: " + description(remedy: \.options)] + (isVerbose && names.count > 1 ? names.map { "  " + $0 } : [])
  }
}
