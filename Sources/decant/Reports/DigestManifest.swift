internal import Bytes
internal import Conversion
internal import Digests
internal import JSON

/// The digests of a model as `hash --json` prints them and `hash --check` reads them.
struct DigestManifest {
  let path: String
  private let tensors: [String: Digests]

  private struct Digests {
    let fast: String
    let cryptographic: String?
    let type: String
  }

  private static let format = "decant digests 1"

  var count: Int { tensors.count }
  var isCryptographic: Bool { tensors.values.allSatisfy { $0.cryptographic != nil } }

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
      throw FileError(.malformed, path: path, error.description)
    }
    guard document["format"]?.string == Self.format, let entries = document["tensors"]?.array else {
      throw FileError(.malformed, path: path, "is no list of digests as decant hash --json prints it")
    }
    var tensors: [String: Digests] = [:]
    for entry in entries {
      guard let name = entry["name"]?.string, let fast = entry["xxh3_128"]?.string, let type = entry["type"]?.string,
        tensors[name] == nil
      else {
        throw FileError(
          .malformed, path: path, subject: entry["name"]?.string,
          "an entry needs a name of its own, a type and the digest xxh3_128")
      }
      tensors[name] = Digests(fast: fast, cryptographic: entry["sha256"]?.string, type: type)
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
        lines.append("\(name) is \(tensor.type), not \(expected.type)")
      } else if expected.fast != tensor.fast.description
        || (expected.cryptographic != nil && tensor.cryptographic != nil
          && expected.cryptographic != tensor.cryptographic?.description)
      {
        lines.append("\(name) has other bytes")
      }
    }
    return lines + missing.sorted().map { "\(FileError.quoted($0)) is missing" }
  }
}
