/// A stored entry of a zip archive: its name, and where its bytes lie in the file.
struct ZipEntry {
  let name: String
  let offset: Int
  let byteCount: Int
}
