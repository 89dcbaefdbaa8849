internal import Bytes
internal import JSON

/// A model's folder in a few bytes, so that whatever they are, the file of safetensors itself is in order: config.json, a zero, a
/// line `NAME TYPE ROWS,COLUMNS` for each tensor `META KEY VALUE` for what the file says besides or `FILE NAME JSON` for a small file, a zero, and the tensors' bytes one after another, again and again where
/// there are too few.
struct DescribedFolder {
  /// Why bytes describe none.
  struct Refusal: Error, CustomStringConvertible {
    let description: String
  }

  /// Most bytes of its tensors.
  private static let longest = 1 << 16

  private static let widths: [Substring: Int] = [
    "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F16": 2, "BF16": 2, "F32": 4, "I32": 4, "U32": 4,
    "I64": 8,
  ]

  /// nil where there is nothing before the first zero.
  let config: JSONValue?
  /// Small files beside it, by their names.
  let files: [String: JSONValue]
  /// The bytes of the file.
  let safetensors: [UInt8]

  init(_ bytes: [UInt8]) throws {
    let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw Refusal(description: "there are no three parts") }
    config = parts[0].isEmpty ? nil : try JSONValue(parsing: Array(parts[0]))
    var members: [String] = []
    var (metadata, files): ([String: JSONValue], [String: JSONValue]) = ([:], [:])
    var end = 0
    for line in String(decoding: parts[1], as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      if fields.count > 2, fields[0] == "META" || fields[0] == "FILE" {
        let value = fields.dropFirst(2).joined(separator: " ")
        if fields[0] == "META" {
          metadata[String(fields[1])] = .string(value)
        } else {
          files[String(fields[1])] = try JSONValue(parsing: Array(value.utf8))
        }
        continue
      }
      guard fields.count >= 2, let width = Self.widths[fields[fields.count - 2]] else {
        throw Refusal(description: "a line is no tensor")
      }
      let name = fields.dropLast(2).joined(separator: " ")
      let sizes = fields[fields.count - 1].split(separator: ",").map { Int($0) ?? 1 }
      var count = width
      for size in sizes {
        let (product, isTooLarge) = count.multipliedReportingOverflow(by: size)
        guard !isTooLarge else { throw Refusal(description: "a tensor is too large") }
        count = product
      }
      guard count >= 0, count <= Self.longest - end else { throw Refusal(description: "the tensors are too large") }
      let text = String(decoding: try JSONValue.string(name).serialized(pretty: false), as: UTF8.self)
      members.append(
        "\(text):{\"dtype\":\"\(fields[fields.count - 2])\",\"shape\":\(sizes),\"data_offsets\":[\(end),\(end + count)]}"
      )
      end += count
    }
    if !metadata.isEmpty {
      let text = String(decoding: try JSONValue.object(metadata).serialized(pretty: false), as: UTF8.self)
      members.append("\"__metadata__\":\(text)")
    }
    self.files = files
    let header = Array("{\(members.joined(separator: ","))}".utf8)
    let data = parts[2]
    var writer = ByteWriter()
    writer.write(UInt64(header.count))
    safetensors =
      writer.bytes + header
      + (0..<end).map { data.isEmpty ? 0 : data[data.startIndex + $0 % data.count] }
  }
}
