package import Bytes

/// An input as the bytes of a file.
package struct InputBytes: ByteSource {
  package let path: String
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8], path: String = "input") {
    self.bytes = bytes
    self.path = path
  }

  package var byteCount: Int { bytes.count }

  package func read(at offset: Int, into target: inout MutableRawSpan, subject: String?) throws(FileError) {
    try requireInside(offset, count: target.byteCount, subject: subject)
    bytes.withBytes(in: offset..<offset + target.byteCount) { target.copy($0, at: 0) }
  }
}
