/// A checkpoint of PyTorch put together by hand: a zip archive with a pickle, so that tests need no torch.
public enum RawTorchPickle {
  public static func bytes(of tensors: [RawTensor]) -> [UInt8] {
    var pickle: [UInt8] = [0x80, 2, 0x7D, 0x28]
    var entries: [(name: String, data: [UInt8])] = []
    for (number, tensor) in tensors.enumerated() {
      let (type, width) = types[tensor.type] ?? ("ByteStorage", 1)
      let strides = tensor.shape.indices.map { tensor.shape.dropFirst($0 + 1).reduce(1, *) }
      pickle += string(tensor.name) + global("torch._utils", "_rebuild_tensor_v2") + [0x28]
      pickle += [0x28] + string("storage") + global("torch", type) + string("\(number)") + string("cpu")
      pickle += integer(tensor.bytes.count / width) + [0x74, 0x51] + integer(0)
      pickle += integers(tensor.shape) + integers(strides)
      pickle += [0x89] + global("collections", "OrderedDict") + [0x29, 0x52, 0x74, 0x52]
      entries.append(("data/\(number)", tensor.bytes))
    }
    return archive([("data.pkl", pickle + [0x75, 0x2E])] + entries + [("version", [0x33, 0x0A])])
  }

  /// Classes of storages by safetensors' names of element types.
  private static let types = [
    "F32": ("FloatStorage", 4), "F16": ("HalfStorage", 2), "BF16": ("BFloat16Storage", 2), "I64": ("LongStorage", 8),
  ]

  private static func number(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private static func string(_ text: String) -> [UInt8] { [0x58] + number(text.utf8.count, 4) + Array(text.utf8) }

  private static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

  private static func integer(_ value: Int) -> [UInt8] { [0x4A] + number(value, 4) }

  private static func integers(_ values: [Int]) -> [UInt8] { [0x28] + values.flatMap(integer) + [0x74] }

  /// A zip archive without compression or checksums.
  private static func archive(_ entries: [(name: String, data: [UInt8])]) -> [UInt8] {
    var body: [UInt8] = []
    var directory: [UInt8] = []
    for (name, data) in entries {
      let path = Array("archive/\(name)".utf8)
      let sizes = number(0, 4) + number(data.count, 4) + number(data.count, 4) + number(path.count, 2)
      let common = number(0, 2) + number(0x800, 2) + number(0, 6) + sizes + number(0, 2)
      directory += [0x50, 0x4B, 1, 2] + number(0, 2) + common + number(0, 10) + number(body.count, 4) + path
      body += [0x50, 0x4B, 3, 4] + common + path + data
    }
    let counts = number(entries.count, 2) + number(entries.count, 2)
    return body + directory + [0x50, 0x4B, 5, 6] + number(0, 4) + counts + number(directory.count, 4)
      + number(body.count, 4) + number(0, 2)
  }
}
