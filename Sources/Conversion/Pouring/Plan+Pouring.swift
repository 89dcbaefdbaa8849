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
}

extension Plan {
  /// Carries the plan out: reads, transforms, encodes and writes slab by slab, and gives the output its name when
  /// everything is on disk.
  ///
  /// Memory is a few slabs a worker, and the scales of a double-quantized weight; the bytes do not depend on the number
  /// of workers.
  /// - Throws: `FileError`; nothing is left of the output then.
  @discardableResult
  public func pour(
    workers: Int = FileSystem.processorCount(), onEvent: @escaping @Sendable (PourEvent) -> Void = { _ in }
  ) async throws(FileError) -> PourReport {
    let staged = try StagedOutput(
      destination.isFile ? .files : .folder, in: destination.folder,
      files: files.map { StagedOutput.File(name: $0.name, byteCount: $0.byteCount) }
        + sidecars.map { StagedOutput.File(name: $0.name, byteCount: $0.bytes.count) },
      replacing: destination.replacesExisting)
    for (number, file) in files.enumerated() {
      try file.header.withBytes { bytes throws(FileError) in try staged.write(bytes, file: number, at: 0) }
    }
    for (number, sidecar) in sidecars.enumerated() {
      try sidecar.bytes.withBytes { bytes throws(FileError) in
        try staged.write(bytes, file: files.count + number, at: 0)
      }
    }
    let queue = SlabQueue(self)
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
    if let failure { throw failure }
    try staged.commit()
    return PourReport(byteCount: byteCount, movements: queue.movements())
  }
}
