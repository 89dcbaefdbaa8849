public import Bytes
internal import Digests
internal import Quantization
internal import Tensors

/// What a pour found while it ran.
public struct PourReport: Sendable {
  /// Bytes written, headers included.
  public let byteCount: Int
  /// How far each weight that an adapter changes has moved: ‖W' − W‖ / ‖W‖, in the order of the plan.
  public let movements: [Movement]
  /// Digests of the weights of the model and of each adapter, as `ModelDigests.fast` gives them. None without provenance.
  public let sourceDigests: [String]
  /// The same by the first definition, which outputs of earlier versions have.
  let formerSourceDigests: [String]
  /// What was replaced and could not be removed.
  public internal(set) var leftovers: [FileError] = []

  public struct Movement: Sendable {
    public let name: String
    public let relativeChange: Double
  }
}

/// What a pour tells while it runs.
public enum PourEvent: Sendable {
  /// So many more elements of the output have been dealt with.
  case advanced(elements: Int)
  /// A weight is complete.
  case finished(PlannedTensor)
  /// So many weights are there already, from an earlier run of the same job that was stopped.
  case resumed(tensorCount: Int)
  /// So many weights of an earlier run are made again: it read other files, or these before they were changed, moved or
  /// linked, and nothing shows that the weights would be the same.
  case discarded(tensorCount: Int)
  /// The partial output of another job, of another model, recipe or version, is replaced.
  case replacedOtherJob
}

extension Plan {
  /// Carries the plan out: reads, transforms, encodes and writes slab by slab, and gives the output its name when
  /// everything is on disk.
  ///
  /// Memory is a few slabs a worker, and the scales of a double-quantized weight; the bytes do not depend on the number
  /// of workers, nor on how often the job was stopped and gone on with.
  /// - Parameter isResuming: whether the partial output of an earlier run of the same job is gone on with.
  /// - Throws: `FileError`; nothing is left of the output then, unless the process was asked to stop or the system
  ///   failed: then a later run can go on.
  @discardableResult
  public func pour(
    workers: Int = FileSystem.processorCount(), isResuming: Bool = true,
    onEvent: @escaping @Sendable (PourEvent) -> Void = { _ in }
  ) async throws(FileError) -> PourReport {
    // They may have been opened long ago.
    try requireUnchangedSources()
    let sources = try sourceFingerprint()
    let staged = try StagedOutput(
      destination.isFile ? .files : .folder, in: destination.folder,
      files: stagedFiles, sources: self.sources.flatMap(\.inputFiles), reading: inputPaths,
      replacing: destination.replacesExisting,
      contents: try destination.contentsToReplace(), fingerprint: fingerprint(of: sources), isResuming: isResuming
    ) { item, note throws(FileError) in try isMadeOfTheSame(item, note) }
    if staged.replacesOtherJob { onEvent(.replacedOtherJob) }
    if staged.discardedItemCount > 0 { onEvent(.discarded(tensorCount: staged.discardedItemCount)) }
    var report: PourReport
    do throws(FileError) {
      report = try await pour(into: staged, workers: workers, onEvent: onEvent)
      report.leftovers = try staged.commit()
    } catch {
      throw staged.stopped(by: error)
    }
    return report
  }

  /// Whether a tensor that an earlier run has completed was made of the bytes that its sources have now, by the digests in
  /// its note. Without a record of provenance there are none.
  private func isMadeOfTheSame(_ number: Int, _ note: String) throws(FileError) -> Bool {
    guard provenance != nil, tensors.indices.contains(number) else { return false }
    let stored = try tensors[number].rows.storedTensors()
    guard let tensor = FinishedTensor(note: note, digestCount: stored.count) else { return false }
    return try SourceDigests(of: sources).digests(of: stored) == tensor.digests
  }

  /// Pours the weights, then what stands before and beside them.
  func pour(
    into target: any PourTarget, workers: Int, onEvent: @escaping @Sendable (PourEvent) -> Void
  ) async throws(FileError) -> PourReport {
    let digests = provenance.map { _ in SourceDigests(of: sources) }
    let finished = try finishedTensors(of: target, digests)
    if !finished.isEmpty {
      onEvent(.resumed(tensorCount: finished.count))
      onEvent(.advanced(elements: finished.keys.reduce(0) { $0 + tensors[$1].elementCount }))
    }
    let magnitudes = try await magnitudes(but: Set(finished.keys), workers: workers)
    let queue = SlabQueue(self, finished: finished)
    try await Workers(count: max(1, workers)).work(
      taking: { queue.next() }, with: { _ in PourWorker(plan: self, output: target, magnitudes: magnitudes) }
    ) { (slab, worker) throws(FileError) in
      try worker.pour(slab)
      onEvent(.advanced(elements: slab.elements.count))
      guard slab.progress.finishSlab() else { return }
      try worker.finish(slab)
      let tensor = FinishedTensor(
        relativeChange: slab.progress.relativeChange(),
        digests: try digests?.digests(of: tensors[slab.tensor].rows.storedTensors()) ?? [])
      try target.finish(item: slab.tensor, note: tensor.note)
      onEvent(.finished(tensors[slab.tensor]))
    }
    let wholes = try digests?.wholes() ?? []
    try requireUnchangedSources()
    let fast = wholes.map(\.fast.description)
    try pourHeaders(into: target, fast)
    return PourReport(
      byteCount: byteCount, movements: queue.movements(), sourceDigests: fast,
      formerSourceDigests: wholes.map { $0.fast(by: .first).description })
  }

  /// The tensors that an earlier run has completed, as far as its notes can be read.
  private func finishedTensors(
    of target: any PourTarget, _ digests: SourceDigests?
  ) throws(FileError) -> [Int: FinishedTensor] {
    var finished: [Int: FinishedTensor] = [:]
    for (number, note) in target.finishedItems where tensors.indices.contains(number) {
      let stored = digests == nil ? [] : try tensors[number].rows.storedTensors()
      guard let tensor = FinishedTensor(note: note, digestCount: stored.count) else { continue }
      digests?.keep(tensor.digests, of: stored)
      finished[number] = tensor
    }
    return finished
  }

  /// Writes everything but weights. Headers come last, since the digests in them do.
  private func pourHeaders(into target: any PourTarget, _ digests: [String]) throws(FileError) {
    for (number, file) in files.enumerated() {
      var header = file.header
      if let provenance {
        let path = FileSystem.join(destination.folder, file.name)
        header = try provenance.completed(header, with: digests, path: path) ?? header
      }
      try header.withBytes { bytes throws(FileError) in try target.write(bytes, file: number, at: 0) }
    }
    for (number, sidecar) in sidecars.enumerated() {
      try sidecar.bytes.withBytes { bytes throws(FileError) in
        try target.write(bytes, file: files.count + number, at: 0)
      }
    }
  }
}
