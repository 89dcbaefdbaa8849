internal import Bytes
internal import Conversion
internal import Digests
internal import JSON

/// The digests of a model as `hash --json` prints them and `hash --check` reads them.
struct DigestManifest {
  let path: String
  /// Whether it has SHA-256 digests.
  let isCryptographic: Bool
  private let whole: Digests
  private let tensors: [String: Entry]

  private struct Digests {
    let fast: String
    let cryptographic: String?

    /// Nil where one is missing or is not text. SHA-256 is everywhere in a list or nowhere: left out of a single entry, it
    /// would be compared nowhere.
    init?(_ members: JSONValue, isCryptographic: Bool) {
      let cryptographic = members["sha256"]?.string
      guard let fast = members["xxh3_128"]?.string, (members["sha256"] != nil) == isCryptographic,
        (cryptographic != nil) == isCryptographic
      else { return nil }
      (self.fast, self.cryptographic) = (fast, cryptographic)
    }

    /// - Parameter cryptographic: nil where it was not asked for, so that it is not compared.
    func match(_ fast: FastDigest, _ cryptographic: SHA256Digest?) -> Bool {
      self.fast == fast.description
        && (self.cryptographic == nil || cryptographic == nil || self.cryptographic == cryptographic?.description)
    }
  }

  private struct Entry {
    let type: String
    let shape: [Int]
    let byteCount: Int
    let digests: Digests

    init?(_ members: JSONValue, isCryptographic: Bool) {
      guard let type = members["type"]?.string, let lengths = members["shape"]?.array,
        let byteCount = members["bytes"]?.int,
        let digests = Digests(members, isCryptographic: isCryptographic)
      else { return nil }
      let shape = lengths.compactMap(\.int)
      guard shape.count == lengths.count else { return nil }
      (self.type, self.shape, self.byteCount, self.digests) = (type, shape, byteCount, digests)
    }
  }

  private static let formats: [String: ModelDigests.Definition] = [
    "decant digests 1": .first, "decant digests 2": .second,
  ]
  private static let format = "decant digests 2"
  private let definition: ModelDigests.Definition

  var count: Int { tensors.count }

  static func json(of digests: ModelDigests) -> JSONValue {
    func members(_ fast: String, _ cryptographic: String?) -> [String: JSONValue] {
      var members: [String: JSONValue] = ["xxh3_128": .string(fast)]
      members["sha256"] = cryptographic.map(JSONValue.string)
      return members
    }
    var whole = members(digests.fast.description, digests.cryptographic?.description)
    whole["format"] = .string(format)
    whole["tensors"] = .array(
      digests.tensors.map { tensor in
        var entry = members(tensor.fast.description, tensor.cryptographic?.description)
        entry["name"] = .string(tensor.name)
        entry["type"] = .string(tensor.type)
        entry["shape"] = .array(tensor.shape.map(JSONValue.integer))
        entry["bytes"] = .integer(tensor.byteCount)
        return .object(entry)
      })
    return .object(whole)
  }

  /// - Throws: `FileError` when the file is no such list.
  init(path: String) throws(FileError) {
    self.path = path
    let bytes = try InputFile.contents(of: path)
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue(parsing: bytes)
    } catch {
      throw FileError(
        .malformed, path: path, "is not a list of digests as decant hash --json prints it: \(error.description)")
    }
    guard let definition = document["format"]?.string.flatMap({ Self.formats[$0] }),
      let entries = document["tensors"]?.array
    else {
      throw FileError(.malformed, path: path, "is not a list of digests as decant hash --json prints it")
    }
    self.definition = definition
    isCryptographic = document["sha256"] != nil
    guard let whole = Digests(document, isCryptographic: isCryptographic) else {
      throw FileError(.malformed, path: path, "the digests of the whole, xxh3_128 and sha256, are texts")
    }
    self.whole = whole
    var tensors: [String: Entry] = [:]
    for members in entries {
      guard let name = members["name"]?.string, tensors[name] == nil,
        let entry = Entry(members, isCryptographic: isCryptographic)
      else {
        throw FileError(
          .malformed, path: path, subject: members["name"]?.string,
          "an entry needs a name of its own, type, shape, bytes, xxh3_128, and sha256 where the whole has it, and only there"
        )
      }
      tensors[name] = entry
    }
    self.tensors = tensors
  }

  /// What is not as the list says, a line each.
  func differences(from digests: ModelDigests) -> [String] {
    var missing = Set(tensors.keys)
    var lines: [String] = []
    for tensor in digests.tensors {
      missing.remove(tensor.name)
      let name = FileError.quoted(tensor.name)
      guard let expected = tensors[tensor.name] else {
        lines.append("\(name) is not in the list")
        continue
      }
      if expected.type != tensor.type {
        lines.append("\(name) is \(tensor.type), not \(FileError.quoted(expected.type))")
      } else if expected.shape != tensor.shape {
        lines.append("\(name) has the shape \(tensor.shape), not \(expected.shape)")
      } else if expected.byteCount != tensor.byteCount {
        lines.append("\(name) has \(tensor.byteCount) bytes, not \(expected.byteCount)")
      } else if !expected.digests.match(tensor.fast, tensor.cryptographic) {
        lines.append("\(name) has other bytes")
      }
    }
    lines += missing.sorted().map { "\(FileError.quoted($0)) is missing" }
    if lines.isEmpty, !whole.match(digests.fast(by: definition), digests.cryptographic(by: definition)) {
      lines.append("every tensor is in the list, but the list's digests of the whole are not those of its entries")
    }
    return lines
  }
}
