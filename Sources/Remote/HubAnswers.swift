internal import JSON

/// What the hub answers, in JSON.
public enum HubAnswers {
  /// The commit that a revision stands for; nil for an answer that does not say.
  public static func commit(_ answer: [UInt8]) -> String? {
    guard let commit = (try? JSONValue(parsing: answer))?["sha"]?.string, isDigest(commit, digits: 40) else {
      return nil
    }
    return commit
  }

  /// The files of a page of a repository's tree; nil for an answer that is none.
  static func files(_ answer: [UInt8]) -> [(name: String, file: FileListing.File)]? {
    guard let entries = (try? JSONValue(parsing: answer))?.array else { return nil }
    return entries.compactMap { entry in
      guard entry["type"]?.string == "file", let name = entry["path"]?.string, let size = entry["size"]?.int else {
        return nil
      }
      let large = entry["lfs"]?.object
      let sha256 = large?["oid"]?.string.flatMap { isDigest($0, digits: 64) ? $0.lowercased() : nil }
      let version = sha256 ?? entry["oid"]?.string.flatMap { isDigest($0, digits: 40) ? $0 : nil } ?? ""
      return (name, FileListing.File(byteCount: large?["size"]?.int ?? size, version: version, sha256: sha256))
    }
  }

  /// Names of files that a tree lists, safe ones only. For those who want no more.
  public static func names(_ answer: [UInt8]) -> [String] {
    files(answer).map { FileListing($0).names(in: "") } ?? []
  }

  /// Where the next page of a list is, by the field `Link`.
  static func nextPage(_ link: String) -> String? {
    for part in link.split(separator: ",") {
      guard part.contains("rel=\"next\""), let start = part.firstIndex(of: "<"), let end = part.firstIndex(of: ">"),
        start < end
      else { continue }
      return String(part[part.index(after: start)..<end])
    }
    return nil
  }

  private static func isDigest(_ text: String, digits: Int) -> Bool {
    text.utf8.count == digits
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
      }
  }
}
