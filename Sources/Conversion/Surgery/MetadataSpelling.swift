internal import JSON
package import Tensors

/// Values of metadata as people write them.
package enum MetadataSpelling {
  private static let types = MetadataType.allCases.filter { $0 != .array }

  /// As listings show them: `u32`, `[u32]`.
  package static let typeNames = types.map(\.name) + types.map { "[\($0.name)]" }

  /// - Parameter type: one of `typeNames`.
  /// - Returns: nil where the text is no value of that type.
  package static func value(_ text: String, type: String) -> MetadataValue? {
    if let single = types.first(where: { $0.name == type }) { return value(text, single) }
    guard let element = types.first(where: { "[\($0.name)]" == type }),
      let values = (try? JSONValue(parsing: Array(text.utf8)))?.array
    else { return nil }
    return array(of: values, element)
  }

  /// A single value.
  package static func value(_ text: String, _ type: MetadataType) -> MetadataValue? {
    switch type {
    case .uint8: UInt8(text).map(MetadataValue.uint8)
    case .int8: Int8(text).map(MetadataValue.int8)
    case .uint16: UInt16(text).map(MetadataValue.uint16)
    case .int16: Int16(text).map(MetadataValue.int16)
    case .uint32: UInt32(text).map(MetadataValue.uint32)
    case .int32: Int32(text).map(MetadataValue.int32)
    case .uint64: UInt64(text).map(MetadataValue.uint64)
    case .int64: Int64(text).map(MetadataValue.int64)
    case .float32: Float(text).flatMap { $0.isFinite ? .float32($0) : nil }
    case .float64: Double(text).flatMap { $0.isFinite ? .float64($0) : nil }
    case .bool: Bool(text).map(MetadataValue.bool)
    case .string: .string(text)
    case .array: nil
    }
  }

  private static func array(of values: [JSONValue], _ type: MetadataType) -> MetadataValue? {
    func all<Element>(_ element: (JSONValue) -> Element?, _ make: ([Element]) -> MetadataValue) -> MetadataValue? {
      let elements = values.compactMap(element)
      return elements.count == values.count ? make(elements) : nil
    }
    func whole<Number: FixedWidthInteger>(_ value: JSONValue) -> Number? { value.int.flatMap { Number(exactly: $0) } }
    return switch type {
    case .uint8: all(whole, MetadataValue.uint8s)
    case .int8: all(whole, MetadataValue.int8s)
    case .uint16: all(whole, MetadataValue.uint16s)
    case .int16: all(whole, MetadataValue.int16s)
    case .uint32: all(whole, MetadataValue.uint32s)
    case .int32: all(whole, MetadataValue.int32s)
    case .uint64: all(whole, MetadataValue.uint64s)
    case .int64: all(whole, MetadataValue.int64s)
    case .float32: all({ $0.double.map { Float($0) }.flatMap { $0.isFinite ? $0 : nil } }, MetadataValue.float32s)
    case .float64: all(\.double, MetadataValue.float64s)
    case .bool: all(\.bool, MetadataValue.bools)
    case .string: all(\.string, MetadataValue.strings)
    case .array: nil
    }
  }

  /// One element of an array as a value of its own; nil where there is none.
  package static func element(_ number: Int, of value: MetadataValue) -> MetadataValue? {
    guard let count = value.elementCount, (0..<count).contains(number) else { return nil }
    return switch value {
    case .uint8s(let values): .uint8(values[number])
    case .int8s(let values): .int8(values[number])
    case .uint16s(let values): .uint16(values[number])
    case .int16s(let values): .int16(values[number])
    case .uint32s(let values): .uint32(values[number])
    case .int32s(let values): .int32(values[number])
    case .uint64s(let values): .uint64(values[number])
    case .int64s(let values): .int64(values[number])
    case .float32s(let values): .float32(values[number])
    case .float64s(let values): .float64(values[number])
    case .bools(let values): .bool(values[number])
    case .strings(let values): .string(values[number])
    case .rawStrings(let values): .rawString(values[number])
    case .arrays(let values): values[number]
    default: nil
    }
  }

  /// An array with another element; nil where that does not go into it.
  package static func replacing(_ number: Int, of value: MetadataValue, by element: MetadataValue) -> MetadataValue? {
    func replaced<Element>(_ values: [Element], _ element: Element) -> [Element] {
      var values = values
      values[number] = element
      return values
    }
    return switch (value, element) {
    case (.uint8s(let values), .uint8(let one)): .uint8s(replaced(values, one))
    case (.int8s(let values), .int8(let one)): .int8s(replaced(values, one))
    case (.uint16s(let values), .uint16(let one)): .uint16s(replaced(values, one))
    case (.int16s(let values), .int16(let one)): .int16s(replaced(values, one))
    case (.uint32s(let values), .uint32(let one)): .uint32s(replaced(values, one))
    case (.int32s(let values), .int32(let one)): .int32s(replaced(values, one))
    case (.uint64s(let values), .uint64(let one)): .uint64s(replaced(values, one))
    case (.int64s(let values), .int64(let one)): .int64s(replaced(values, one))
    case (.float32s(let values), .float32(let one)): .float32s(replaced(values, one))
    case (.float64s(let values), .float64(let one)): .float64s(replaced(values, one))
    case (.bools(let values), .bool(let one)): .bools(replaced(values, one))
    case (.strings(let values), .string(let one)): .strings(replaced(values, one))
    case (.rawStrings(let values), .string(let one)): .rawStrings(replaced(values, Array(one.utf8)))
    default: nil
    }
  }
}
