/// What lies in the place of a file when a clone or a download went wrong. What is said of it goes behind the path.
public enum FailedDownload {
  /// Git LFS writes none longer.
  static let longestPointer = 1024

  /// What is said of a pointer of Git LFS; nil for anything else.
  static func pointer(_ bytes: [UInt8]) -> String? {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    guard let version = lines.first, version.hasPrefix("version https://"), version.contains("/spec/v"),
      lines.contains(where: { $0.hasPrefix("oid ") })
    else { return nil }
    let size = lines.first { $0.hasPrefix("size ") }.flatMap { Int($0.dropFirst(5)) }
    return "is a Git LFS pointer, not the file itself" + (size.map { ", which has \($0) bytes" } ?? "")
      + "; run `git lfs pull` in the folder that was cloned"
  }

  /// What is said of a web page, or of a server's words for why it does not give the file; nil for anything else.
  /// - Parameter start: the first bytes of the file; some hundred will do.
  public static func answer(in start: [UInt8]) -> String? {
    let text = text(start)
    let small = text.lowercased()
    if ["<!doctype html", "<html", "<?xml"].contains(where: small.hasPrefix) {
      return "is a web page, not the file itself; the download went wrong"
    }
    let isObject = small.hasPrefix("{") && small.dropFirst().drop(while: \.isWhitespace).hasPrefix("\"error\"")
    guard isObject || answers.contains(where: small.hasPrefix) else { return nil }
    return
      "is what a server said, \(FileError.quoted(beginning(of: text))), not the file itself; the download went wrong"
  }

  /// What is said of text in the place of weights; nil for what may be weights: no container begins with eight bytes of
  /// text, but an archive that begins with a name, which ends with a zero.
  public static func text(inPlaceOfWeights start: [UInt8]) -> String? {
    if let answer = answer(in: start) { return answer }
    guard start.count >= 8, !start.contains(0),
      start.prefix(8).allSatisfy({ (0x20..<0x7F).contains($0) || [9, 10, 13].contains($0) })
    else {
      return nil
    }
    return "is text, not a model: it begins with \(FileError.quoted(beginning(of: text(start))))"
  }

  /// How answers begin that are a line of text.
  private static let answers = [
    "entry not found", "not found", "404", "401", "403", "repository not found", "invalid username or password",
    "access to model", "access denied", "unauthorized", "forbidden",
  ]

  /// Without a byte order mark and what else does not show at the beginning.
  private static func text(_ start: [UInt8]) -> String {
    let text = String(decoding: start.starts(with: [0xEF, 0xBB, 0xBF]) ? start[3...] : start[...], as: UTF8.self)
    return String(text.drop(while: \.isWhitespace))
  }

  private static func beginning(of text: String) -> String { String(text.prefix { !$0.isNewline }.prefix(60)) }
}
