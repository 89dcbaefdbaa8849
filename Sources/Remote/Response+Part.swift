internal import Bytes

extension Response {
  /// Which part of a file this answer says that it holds.
  /// - Parameter offset: where the part begins that was asked for.
  func part(path: String, offset: Int) throws(FileError) -> ContentRange {
    let text = fields["content-range"]
    if let part = text.flatMap(ContentRange.init) { return part }
    throw FileError(
      .malformed, path: path, offset: offset,
      "the server does not say which part it gives (Content-Range: \(text.map(FileError.quoted) ?? "none"))")
  }

  /// - Throws: `FileError` unless it is the part that was asked for, and all of it.
  func requirePart(_ wanted: Range<Int>, _ part: ContentRange, path: String) throws(FileError) {
    guard part.range == wanted else {
      let found = part.range.map { "\($0.lowerBound)-\($0.upperBound - 1)" } ?? "none"
      throw FileError(
        .malformed, path: path, offset: wanted.lowerBound,
        "the server gives another part than was asked for: \(found), expected "
          + "\(wanted.lowerBound)-\(wanted.upperBound - 1)")
    }
    guard body.count == wanted.count, !isCut else {
      throw FileError(
        .truncated, path: path, offset: wanted.lowerBound,
        "the server gives \(isCut ? "more than" : "\(body.count) of") the \(wanted.count) bytes that it announces")
    }
  }

  /// What is said of a server that cannot give parts.
  func wholeInsteadOfPart(path: String, offset: Int) -> FileError {
    FileError(
      .unsupported, path: path, offset: offset,
      "the server gives the whole file where a part is asked for (HTTP 200, expected 206); take one that gives parts, or "
        + "download the file")
  }
}
