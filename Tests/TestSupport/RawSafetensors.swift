internal import JSON

/// A safetensors file put together by hand, so that tests of readers and writers do not rest on them.
public enum RawSafetensors {
  public static func bytes(of tensors: [RawTensor], metadata: [String: String] = ["format": "pt"]) throws -> [UInt8] {
    var members: [String: JSONValue] = ["__metadata__": .object(metadata.mapValues(JSONValue.string))]
    var data: [UInt8] = []
    for tensor in tensors {
      members[tensor.name] = [
        "dtype": .string(tensor.type), "shape": .array(tensor.shape.map(JSONValue.integer)),
        "data_offsets": [.integer(data.count), .integer(data.count + tensor.bytes.count)],
      ]
      data += tensor.bytes
    }
    var header = try JSONValue.object(members).serialized(pretty: false)
    header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) } + header + data
  }
}
