internal import ArgumentParser
internal import Conversion

/// The names of layouts on the command line.
enum LayoutNames {
  static let all = GroupRequest.layouts

  /// As they are listed in a sentence.
  static let list = all.joined(separator: ", ")

  /// - Throws: `ValidationError` where there is no layout of that name.
  static func check(_ name: String) throws {
    guard !all.contains(name) else { return }
    throw ValidationError(
      "There is no layout \(name)" + Spelling.question(about: name, in: all) + "; the layouts are \(list).")
  }
}
