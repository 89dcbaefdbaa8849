internal import Bytes

extension TorchContents {
  private static let maximumVersion = 10

  /// A zip archive as torch 1.6 and later write it: `NAME/data.pkl`, `NAME/data/KEY` for each storage, `NAME/version`,
  /// `NAME/byteorder`.
  init(archive source: any ByteSource) throws(FileError) {
    let directory = try ZipDirectory(readingFrom: source)
    func broken(_ rule: TorchPickleRule, _ message: String, _ code: FileError.Code = .malformed) -> FileError {
      rule.broken(code, path: source.path, message)
    }
    guard let first = directory.entries.first, let folder = first.name.split(separator: "/").first.map(String.init),
      directory.entry(named: folder + "/data.pkl") != nil
    else {
      throw broken(
        .records, "is a zip archive without NAME/data.pkl, and so no checkpoint of PyTorch", .unsupported)
    }
    if let stranger = directory.entries.first(where: { !$0.name.hasPrefix(folder + "/") }) {
      throw TorchPickleRule.entryName.broken(
        path: source.path, subject: stranger.name,
        "the entry is not in the archive's folder, \(FileError.quoted(folder))")
    }
    if directory.entries.contains(where: {
      $0.name == folder + "/constants.pkl" || $0.name.hasPrefix(folder + "/code/")
    }) {
      throw broken(
        .records,
        "is a TorchScript archive, a program with its weights, and no code of a file is run; load it with torch.jit.load "
          + "and save its weights: torch.save(module.state_dict(), ...)", .unsupported)
    }
    func text(_ name: String) throws(FileError) -> String? {
      guard let entry = directory.entry(named: folder + "/" + name) else { return nil }
      let bytes = try source.bytes(at: entry.offset, count: min(entry.byteCount, 16), subject: entry.name)
      return String(decoding: bytes, as: UTF8.self)
    }
    var version = try text("version")
    if version == nil { version = try text(".data/version") }
    guard let version, let number = Int(version.filter { !$0.isWhitespace }), (1...Self.maximumVersion).contains(number)
    else {
      throw broken(
        .records,
        version.map { "has version \(FileError.quoted($0)); 1 to \(Self.maximumVersion) are read" }
          ?? "the archive has no version, as every checkpoint has", version == nil ? .malformed : .unsupported)
    }
    let order = try text("byteorder") ?? "little"
    guard ["little", "big"].contains(order) else {
      throw broken(.byteOrder, "has the byte order \(FileError.quoted(order)); little and big are read")
    }
    isBigEndian = order == "big"

    guard let pickle = directory.entry(named: folder + "/data.pkl") else {
      throw broken(.records, "the archive has no data.pkl")
    }
    guard pickle.byteCount <= PickleMachine.maximumByteCount else {
      throw TorchPickleRule.pickleEnd.broken(
        .unsupported, path: source.path, subject: pickle.name,
        "the pickle has \(pickle.byteCount) bytes; at most \(PickleMachine.maximumByteCount) are read")
    }
    var machine = PickleMachine(source, at: pickle.offset, end: pickle.offset + pickle.byteCount, form: .zip)
    root = try machine.run()
    guard machine.offset == pickle.offset + pickle.byteCount else {
      throw TorchPickleRule.pickleEnd.broken(
        path: source.path, subject: pickle.name, at: machine.offset, "bytes follow the end of the pickle")
    }
    var places: [Int?] = []
    for storage in machine.storages {
      guard !storage.isMeta, let byteCount = storage.byteCount,
        let entry = directory.entry(named: "\(folder)/data/\(storage.key)")
      else {
        places.append(nil)
        continue
      }
      guard entry.byteCount == byteCount else {
        throw TorchPickleRule.storage.broken(
          path: source.path, subject: entry.name, at: entry.offset,
          "the entry has \(entry.byteCount) bytes, but the storage of \(storage.wholeCount) elements takes \(byteCount)"
        )
      }
      places.append(entry.offset)
    }
    self.places = places
    self.machine = machine
  }
}
