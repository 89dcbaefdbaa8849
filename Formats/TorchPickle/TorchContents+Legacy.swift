internal import Bytes

extension TorchContents {
  /// The number that torch writes first, as pickles of versions 2 and 3, and of 4 and 5, have it.
  private static let magicNumber: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]
  private static let version = 1001

  /// A file as torch wrote it before 1.6: pickles of a number, a version, the machine, what was saved, and the keys of the
  /// storages; then the storages.
  init(legacy source: any ByteSource) throws(FileError) {
    let path = source.path
    func broken(
      _ rule: TorchPickleRule, _ message: String, at offset: Int? = nil, _ code: FileError.Code = .malformed
    ) -> FileError {
      rule.broken(code, path: path, at: offset, message)
    }
    let start = try source.bytes(at: 0, count: min(24, source.byteCount))
    let opening = start.dropFirst(start.count > 2 && start[2] == PickleOperation.frame.rawValue ? 11 : 2)
    guard opening.starts(with: Self.magicNumber) else {
      throw broken(
        .legacyOpening,
        "is a pickle, but none of torch.save: it does not begin with torch's number; load it with what wrote it, and save "
          + "the tensors with safetensors", at: 0, .unsupported)
    }
    var offset = opening.startIndex + Self.magicNumber.count
    var machine = PickleMachine(source, at: offset, end: source.byteCount, form: .legacy)
    guard case .integer(Self.version) = try machine.run() else {
      throw broken(
        .legacyOpening, "the version of the form is not \(Self.version), the only one there is", at: offset,
        .unsupported)
    }
    offset = machine.offset
    // The byte order in it is that of the machine: the storages are little-endian whatever it is.
    guard case .dictionary = try machine.run() else {
      throw broken(.legacyOpening, "what is said of the machine that wrote the file is no dictionary", at: offset)
    }
    root = try machine.run()
    offset = machine.offset
    let value = try machine.run()
    guard case .list = value, let keys = machine.elements(of: value) else {
      throw broken(.legacyStorageKeys, "a list of the storages' keys is expected here", at: offset)
    }

    var wholes: [String: PickledStorage] = [:]
    for storage in machine.storages { wholes[storage.key] = storage }
    var starts: [String: Int] = [:]
    var cursor = ByteCursor(source, at: machine.offset)
    for key in keys {
      guard case .string(let key) = key, let storage = wholes[key], starts[key] == nil else {
        throw broken(
          .legacyStorageKeys, "the list of storages has a key that is there twice or that no tensor names", at: offset)
      }
      let place = cursor.offset
      guard cursor.remaining >= 8 else {
        throw TorchPickleRule.legacyStorages.broken(
          .truncated, path: path, subject: key, at: place, "the storage is not there; is the download complete?")
      }
      let count = try cursor.read(UInt64.self, subject: key)
      guard let byteCount = storage.byteCount, count == UInt64(storage.wholeCount) else {
        throw TorchPickleRule.storage.broken(
          path: path, subject: key, at: place,
          "the storage has \(count) elements here, but \(storage.wholeCount) where it is named")
      }
      guard byteCount <= cursor.remaining else {
        throw TorchPickleRule.legacyStorages.broken(
          .truncated, path: path, subject: key, at: place,
          "the storage takes \(byteCount) bytes, but \(cursor.remaining) follow; is the download complete?")
      }
      starts[key] = cursor.offset
      try cursor.skip(byteCount)
    }
    if cursor.remaining > 0 { remarks.append("\(cursor.remaining) bytes follow the last storage and are not read") }
    places = machine.storages.map { $0.isMeta ? nil : starts[$0.key] }
    isBigEndian = false
    self.machine = machine
  }
}
