public import Bytes
internal import Quantization
internal import Synchronization
internal import Tensors

/// What a pour found while it ran.
public struct PourReport: Sendable {
  /// Bytes written, headers included.
  public let byteCount: Int
  /// How far each weight that an adapter changes has moved: ‖W' − W‖ / ‖W‖, in the order of the plan.
  public let movements: [Movement]

  public struct Movement: Sendable {
    public let name: String
    public let relativeChange: Double
  }
}

/// What a pour tells while it runs.
public enum PourEvent: Sendable {
  /// So many more bytes of source weights have been dealt with.
  case advanced(sourceElements: Int)
  /// A weight is complete.
  case finished(PlannedTensor)
  /// So many weights are there already, from an earlier run of the same job that was stopped.
  case resumed(tensorCount: Int)
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
    let fingerprint = try fingerprint()
    let staged = try StagedOutput(
      destination.isFile ? .files : .folder, in: destination.folder,
      files: files.map { StagedOutput.File(name: $0.name, byteCount: $0.byteCount) }
        + sidecars.map { StagedOutput.File(name: $0.name, byteCount: $0.bytes.count) },
      replacing: destination.replacesExisting, fingerprint: fingerprint, isResuming: isResuming)
    let finished = staged.finishedItems.filter { tensors.indices.contains($0.key) }
    if !finished.isEmpty {
      onEvent(.resumed(tensorCount: finished.count))
      onEvent(.advanced(sourceElements: finished.keys.reduce(0) { $0 + tensors[$1].elementCount }))
    }
    for (number, file) in files.enumerated() {
      try file.header.withBytes { bytes throws(FileError) in try staged.write(bytes, file: number, at: 0) }
    }
    for (number, sidecar) in sidecars.enumerated() {
      try sidecar.bytes.withBytes { bytes throws(FileError) in
        try staged.write(bytes, file: files.count + number, at: 0)
      }
    }
    let queue = SlabQueue(self, finished: finished)
    let failure = await withTaskGroup(of: FileError?.self) { group in
      for _ in 0..<max(1, workers) {
        group.addTask {
          let worker = PourWorker(plan: self, output: staged)
          do throws(FileError) {
            while let slab = queue.next() {
              try worker.pour(slab)
              onEvent(.advanced(sourceElements: slab.elementCount))
              if slab.progress.finishSlab() {
                try worker.finish(slab)
                try staged.finish(item: slab.tensor, note: slab.progress.note)
                onEvent(.finished(tensors[slab.tensor]))
              }
            }
            return nil
          } catch {
            queue.stop()
            return error
          }
        }
      }
      var first: FileError?
      for await error in group where first == nil { first = error }
      return first
    }
    if let failure { throw Self.stopped(by: failure, staged) }
    guard try self.fingerprint() == fingerprint else {
      throw FileError(
        .mismatch, path: sources.first ?? destination.path,
        "a file of the model was changed while it was read; nothing was written. Try again when nobody writes it")
    }
    try staged.commit()
    return PourReport(byteCount: byteCount, movements: queue.movements())
  }

  /// What is said of a failure, after the partial output was kept where another run could do better.
  private static func stopped(by failure: FileError, _ staged: StagedOutput) -> FileError {
    guard failure.code == .interrupted || failure.code == .system, staged.keep() else { return failure }
    return FileError(
      failure.code, path: failure.path, subject: failure.subject, offset: failure.offset,
      (failure.code == .interrupted ? "interrupted" : failure.message)
        + "; the same command goes on where it stopped, --no-resume starts over")
  }
}
