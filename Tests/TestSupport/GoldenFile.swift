internal import JSON
internal import Foundation

/// A safetensors file of vectors made by another program, read whole and without the checks of the real reader.
public struct GoldenFile: Sendable {
  private let header: [String: JSONValue]
  private let data: [UInt8]

  public init(path: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    header = try JSONValue(parsing: bytes[8..<8 + length]).object ?? [:]
    data = Array(bytes[(8 + length)...])
  }

  public var keys: [String] { header.keys.filter { $0 != "__metadata__" }.sorted() }

  public func contains(_ key: String) -> Bool { header[key] != nil }

  /// The element type as the file spells it: `BF16`.
  public func type(_ key: String) -> String? { header[key]?["dtype"]?.string }

  public func shape(_ key: String) throws -> [Int] { try member("shape", of: key) }

  public func bytes(_ key: String) throws -> [UInt8] {
    let offsets = try member("data_offsets", of: key)
    return Array(data[offsets[0]..<offsets[1]])
  }

  public func floats(_ key: String) throws -> [Float] {
    let bytes = try bytes(key)
    return stride(from: 0, to: bytes.count, by: 4).map { start in
      Float(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
  }

  private func member(_ name: String, of key: String) throws -> [Int] {
    guard let values = header[key]?[name]?.array else { throw Missing(key: key) }
    return values.compactMap(\.int)
  }

  public struct Missing: Error { public let key: String }
}
