package import FuzzSupport
internal import Remote

/// Readers of what servers answer, and of names of the hub.
package enum RemoteTargets {
  package static let all = [bucketListing, hubAnswers, remoteWords]

  private struct Refused: Error {}

  private static let bucketListing = FuzzTarget("bucket-listing", seeds: ["Tests/Fuzz/Seeds/bucket-listing"]) { bytes in
    guard let listing = BucketListing(bytes) else { throw Refused() }
    try FuzzFinding.unless(listing.objects.allSatisfy { $0.byteCount >= -1 || $0.key.isEmpty }, "a length below none")
  }

  private static let hubAnswers = FuzzTarget("hub-answers", seeds: ["Tests/Fuzz/Seeds/hub-answers"]) { bytes in
    let names = HubAnswers.names(bytes)
    for name in names {
      try FuzzFinding.unless(
        !["", ".", ".."].contains(name) && !name.contains("/"), "leads out of the folder: \(name)")
    }
    let commit = HubAnswers.commit(bytes)
    try FuzzFinding.unless(commit.map { $0.utf8.count == 40 } ?? true, "no commit")
    if names.isEmpty, commit == nil { throw Refused() }
  }

  private static let remoteWords = FuzzTarget("remote-words", seeds: ["Tests/Fuzz/Seeds/remote-words"]) { bytes in
    let text = String(decoding: bytes, as: UTF8.self)
    let (range, name) = (ContentRange(text), HubName(text))
    if let range {
      try FuzzFinding.unless(range.range.map { !$0.isEmpty && $0.upperBound <= range.total } ?? true, "no range")
    }
    if let name {
      let again = HubName(
        name.repository + (name.revision.map { "@" + $0.replacing("/", with: "%2F") } ?? "")
          + (name.file.isEmpty ? "" : "/" + name.file))
      try FuzzFinding.unless(again == name, "is another name when it is written and read again")
      try FuzzFinding.unless(
        !name.repository.contains("..") && !name.file.split(separator: "/").contains(".."), "leads out of the hub")
    }
    if range == nil, name == nil { throw Refused() }
  }
}
