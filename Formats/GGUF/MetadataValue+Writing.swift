internal import Bytes
internal import Tensors

extension MetadataValue {
  /// Writes the type and the value.
  func write(to writer: inout ByteWriter) {
    writer.write(type.rawValue)
    if let elementCount { writer.writeArrayHead(elementType, elementCount) }
    switch self {
    case .uint8(let value): writer.write(value)
    case .int8(let value): writer.write(value)
    case .uint16(let value): writer.write(value)
    case .int16(let value): writer.write(value)
    case .uint32(let value): writer.write(value)
    case .int32(let value): writer.write(value)
    case .uint64(let value): writer.write(value)
    case .int64(let value): writer.write(value)
    case .float32(let value): writer.write(value)
    case .float64(let value): writer.write(value)
    case .bool(let value): writer.write(value ? 1 : 0 as UInt8)
    case .string(let value): writer.writeString(value.utf8)
    case .rawString(let value): writer.writeString(value)
    case .uint8s(let values): writer.write(contentsOf: values)
    case .int8s(let values): writer.write(contentsOf: values.lazy.map { UInt8(bitPattern: $0) })
    case .uint16s(let values): for value in values { writer.write(value) }
    case .int16s(let values): for value in values { writer.write(value) }
    case .uint32s(let values): for value in values { writer.write(value) }
    case .int32s(let values): for value in values { writer.write(value) }
    case .uint64s(let values): for value in values { writer.write(value) }
    case .int64s(let values): for value in values { writer.write(value) }
    case .float32s(let values): for value in values { writer.write(value) }
    case .float64s(let values): for value in values { writer.write(value) }
    case .bools(let values): writer.write(contentsOf: values.lazy.map { $0 ? 1 : 0 })
    case .strings(let values): for value in values { writer.writeString(value.utf8) }
    case .rawStrings(let values): for value in values { writer.writeString(value) }
    case .arrays: preconditionFailure("arrays of arrays are refused before anything is written")
    }
  }
}

extension ByteWriter {
  /// Length and bytes.
  mutating func writeString(_ bytes: some Collection<UInt8>) {
    write(UInt64(bytes.count))
    write(contentsOf: bytes)
  }

  fileprivate mutating func writeArrayHead(_ type: MetadataType, _ count: Int) {
    write(type.rawValue)
    write(UInt64(count))
  }
}
