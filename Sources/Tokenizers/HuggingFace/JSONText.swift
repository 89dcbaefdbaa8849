/// JSON as text, for documents whose keys must keep their order and their exact characters.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// A string with quotation marks, escaped.
  mutating func writeString(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): write("\\\"")
      case UInt8(ascii: "\\"): write("\\\\")
      case 0x0A: write("\\n")
      case 0x0D: write("\\r")
      case 0x09: write("\\t")
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        write("\\u00" + (byte < 16 ? "0" : "") + digits)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Elements with commas between, each on a line.
  mutating func writeList<Elements: Sequence>(
    _ elements: Elements, indentation: String, _ body: (inout JSONText, Elements.Element) -> Void
  ) {
    var isFirst = true
    for element in elements {
      write((isFirst ? "\n" : ",\n") + indentation)
      isFirst = false
      body(&self, element)
    }
    write("\n")
  }
}
