package import Bytes
package import Tensors

/// A planned file as if it had been written: the header, and zeros however long the tensors are.
package struct PlannedBytes: ByteSource {
  package var path: String { file.name }
  package var byteCount: Int { file.byteCount }
  private let file: PlannedFile

  package init(_ file: PlannedFile) { self.file = file }

  package func read(at offset: Int, into target: inout MutableRawSpan, subject: String?) throws(FileError) {
    try requireInside(offset, count: target.byteCount, subject: subject)
    let fromHeader = offset..<max(offset, min(offset + target.byteCount, file.header.count))
    if !fromHeader.isEmpty { file.header.withBytes(in: fromHeader) { target.copy($0, at: 0) } }
    for index in fromHeader.count..<target.byteCount { target.storeBytes(of: 0, toByteOffset: index, as: UInt8.self) }
  }
}
