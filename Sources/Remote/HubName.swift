/// A repository of the hub as a person names it: `org/name`, `org/name@revision`, and behind it a file.
public struct HubName: Hashable, Sendable {
  /// `org/name`.
  public let repository: String
  /// A branch, a tag or a commit; nil for the main branch.
  public let revision: String?
  /// A file or folder of it; empty for all.
  public let file: String

  /// - Returns: nil for what is no such name.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let rest = parts[1]
    var name = rest.prefix { $0 != "@" && $0 != "/" }
    var behind = rest[name.endIndex...]
    var revision: String?
    if behind.first == "@" {
      behind = behind.dropFirst()
      // Those of pull requests and conversions have slashes in them.
      let words = behind.split(separator: "/", omittingEmptySubsequences: false)
      let count = words.count >= 3 && words[0] == "refs" && ["pr", "convert"].contains(words[1]) ? 3 : 1
      let found = words.prefix(count).joined(separator: "/").replacing("%2F", with: "/").replacing("%2f", with: "/")
      guard Self.isRevision(found) else { return nil }
      behind = words.count > count ? "/" + Substring(words.dropFirst(count).joined(separator: "/")) : ""
      revision = found
    }
    if name.hasSuffix(".git") { name = name.dropLast(4) }
    guard Self.isWord(parts[0]), Self.isWord(name) else { return nil }
    repository = "\(parts[0])/\(name)"
    self.revision = revision
    // One slash stands before the file, and one may stand behind it.
    let path = behind.dropFirst()
    file = String(path.hasSuffix("/") ? path.dropLast() : path)
    guard
      file.isEmpty
        ? path.isEmpty
        : !file.split(separator: "/", omittingEmptySubsequences: false).contains(where: {
          ["", ".", ".."].contains($0)
        })
    else { return nil }
  }

  /// `name` of `org/name`.
  var modelName: String { repository.split(separator: "/").last.map(String.init) ?? repository }

  /// Without the file, as a path of the store.
  var root: String {
    "\(HubStore.scheme)\(repository)@\((revision ?? "main").replacing("/", with: "%2F"))"
  }

  private static func isWord(_ text: Substring) -> Bool {
    (1...96).contains(text.utf8.count) && text.utf8.allSatisfy(isLetterOrDigit(or: "._-"))
      && !text.hasPrefix(".") && !text.hasPrefix("-") && !text.hasSuffix(".") && !text.hasSuffix("-")
      && !text.contains("..") && !text.contains("--")
  }

  private static func isRevision(_ text: String) -> Bool {
    (1...255).contains(text.utf8.count) && text.utf8.allSatisfy(isLetterOrDigit(or: "._-+/"))
      && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") }
  }

  private static func isLetterOrDigit(or others: String) -> (UInt8) -> Bool {
    { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || others.utf8.contains(byte)
    }
  }
}
