internal import Architectures
internal import Bytes
internal import Digests
internal import Tensors

extension Plan {
  /// What tells this job from every other: by it a run that was stopped is gone on with only where every byte would
  /// come out the same. It covers the files that are read (length, header), everything that
  /// is written but the weights, and how each weight comes about.
  /// - Parameter sources: `sourceFingerprint()`.
  func fingerprint(of sources: FastDigest) -> String {
    var stream = FastDigest.Stream()
    stream.add("decant \(Version.current)\n")
    stream.add("sources \(sources)\n")
    for file in files {
      stream.add("file \(file.name) \(file.byteCount)\n")
      file.header.withBytes { stream.add($0) }
    }
    for sidecar in sidecars {
      stream.add("file \(sidecar.name) \(sidecar.bytes.count)\n")
      sidecar.bytes.withBytes { stream.add($0) }
    }
    for tensor in tensors {
      stream.add("tensor \(tensor.name) \(tensor.targetType) \(tensor.keepsNonFinite)\n")
      if let groups = tensor.spelling?.type?.groups { stream.add("groups \(groups.text) \(tensor.cost.kind)\n") }
      let derivation = tensor.rows.derivation
      if case .source(let reference) = derivation {
        stream.add("\(reference.name)\n")
      } else {
        stream.add("\(derivation)\n")
      }
      if let importance = tensor.importance { importance.withBytes { stream.add($0) } }
      if case .encode(let encoder) = tensor.action { stream.add(encoder.settings) }
      if case .group(let output) = tensor.action, let codes = output.calibrated { stream.add(codes.settings) }
    }
    return stream.digest.description
  }

  /// What tells the files that weights are read from from others, as they were when they were opened.
  /// - Throws: `FileError` when one cannot be read.
  func sourceFingerprint() throws(FileError) -> FastDigest {
    var stream = FastDigest.Stream()
    try stream.add(filesOf: sources)
    return stream.digest
  }

  /// - Throws: `FileError` when a file that weights are read from is no longer the one that was opened.
  func requireUnchangedSources() throws(FileError) {
    for source in sources { try source.requireUnchanged() }
  }
}
