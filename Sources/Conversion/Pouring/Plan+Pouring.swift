internal import Architectures
public import Bytes
internal import Digests
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
  /// Whether the output was there already, complete, from an earlier run of the same job. What that found is not told again.
  public internal(set) var wasThere = false

  public struct Movement: Sendable {
    public let name: String
    public let relativeChange: Double
  }

  init(
    byteCount: Int, movements: [Movement] = [], sourceDigests: [String] = [], formerSourceDigests: [String] = []
  ) {
    self.byteCount = byteCount
    self.movements = movements
    self.sourceDigests = sourceDigests
    self.formerSourceDigests = formerSourceDigests
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
  /// The output is there already, from an earlier run of the same job.
  case isThere(name: String)
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
    try await Plan.pour([self], workers: workers, isResuming: isResuming) { _, event in onEvent(event) }[0]
  }

  /// Carries out several plans of one model together. What they read alike is read and decoded once; each output has the
  /// bytes that it has by itself.
  /// - Parameter onEvent: is told of which plan something is, by its number.
  /// - Returns: a report of each.
  public static func pour(
    _ plans: [Plan], workers: Int = FileSystem.processorCount(), isResuming: Bool = true,
    onEvent: @escaping @Sendable (_ plan: Int, PourEvent) -> Void = { _, _ in }
  ) async throws(FileError) -> [PourReport] {
    try await Pour.carryOut(plans, workers: workers, isResuming: isResuming, onEvent: onEvent)
  }

  /// The same while a calibration is still being made: weights are poured as soon as what they need of it is there.
  /// - Parameters:
  ///   - calibration: the one of the plan.
  ///   - collect: makes it, and calls what it is given when all that is known of some linear layers is there; it may be forgotten after that.
  ///   - completed: the same plan, by what the calibration is when it is whole.
  @discardableResult
  public func pour(
    following calibration: CalibrationUnderway, workers: Int = FileSystem.processorCount(), isResuming: Bool = true,
    onEvent: @escaping @Sendable (PourEvent) -> Void = { _ in },
    collect: (_ pour: () async throws -> Void) async throws -> Void, completed: () throws -> Plan
  ) async throws -> PourReport {
    // They may have been opened long ago.
    try requireUnchangedSources()
    let staged = try staged(fingerprint(of: try sourceFingerprint()), isResuming: isResuming, onEvent: onEvent)
    var report: PourReport
    do {
      let pour = try await Pour([self], into: [staged], workers: workers) { _, event in onEvent(event) }
      let (reached, keys) = (calibration.reached, Set(calibration.keys))
      let needed = Dictionary(
        tensors.map { ($0.name, $0.calibratedLayers.intersection(keys).intersection(reached)) }
      ) { first, _ in first }
      try await collect {
        let present = calibration.present
        try await pour.pour { tensor in
          guard let needed = needed[tensor.name], !needed.isEmpty else { return false }
          return needed.isSubset(of: present)
        }
      }
      try await pour.pour { _ in true }
      report = try pour.finish(0, as: try completed())
      report.leftovers = try staged.commit()
    } catch let error as FileError {
      throw staged.stopped(by: error)
    }
    return report
  }

  /// Whether a tensor that an earlier run has completed was made of the bytes that its sources have now, by the digests in
  /// its note. Without a record of provenance there are none.
  func isMadeOfTheSame(_ number: Int, _ note: String) throws(FileError) -> Bool {
    // Gradients depend on the whole model.
    guard provenance != nil, tensors.indices.contains(number), !tensors[number].followsCalibration else { return false }
    let stored = try tensors[number].rows.storedTensors()
    guard let tensor = FinishedTensor(note: note, digestCount: stored.count) else { return false }
    return try SourceDigests(of: sources).digests(of: stored) == tensor.digests
  }

  /// Pours the weights, then what stands before and beside them.
  func pour(
    into target: any PourTarget, workers: Int, onEvent: @escaping @Sendable (PourEvent) -> Void
  ) async throws(FileError) -> PourReport {
    let pour = try await Pour([self], into: [target], workers: workers) { _, event in onEvent(event) }
    try await pour.pour { _ in true }
    return try pour.finish(0, as: self)
  }

  /// The tensors that an earlier run has completed, as far as its notes can be read.
  func finishedTensors(
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

  /// A number for each tensor, by which they are poured: what is fetched is read in the order in which it lies where it comes from,
  /// so that it is fetched once, and ahead. What is of this machine is written in order instead.
  func orderOfReading() throws(FileError) -> [Int] {
    guard sources.flatMap(\.inputFiles).contains(where: { $0.origin != nil }) else { return Array(tensors.indices) }
    var places: [TensorReference: Int] = [:]
    for (input, source) in sources.enumerated() {
      for tensor in source.tensors { places[TensorReference(tensor.name, input: input)] = places.count }
    }
    return try tensors.map { tensor throws(FileError) in
      try tensor.rows.storedTensors().compactMap { places[$0] }.min() ?? places.count
    }
  }

  /// Writes everything but weights. Headers come last, since the digests in them do.
  /// - Parameter digests: nil where they are not known yet, and have only their place.
  func pourHeaders(
    into target: any PourTarget, _ digests: [String]?, sidecars: [Sidecar]
  ) throws(FileError) {
    for (number, file) in files.enumerated() {
      var header = file.header
      if let provenance, let digests {
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
