internal import Bytes
internal import Packed

/// Files that are packed, and files that are not.
enum Packing {
  /// The bytes of a file, unpacked as they are read where it is packed.
  static func open(_ path: String) throws(FileError) -> any ByteSource {
    try PackedFile.openAny(path: path)
  }
}
