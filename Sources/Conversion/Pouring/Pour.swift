internal import Architectures
internal import Bytes
internal import Digests
internal import Synchronization
internal import Tensors

/// Plans that are being carried out together, some weights at a time.
final class Pour: Sendable {
  private let outputs: [Output]
  private let workers: Workers
  private let onEvent: @Sendable (_ plan: Int, PourEvent) -> Void

  /// One of the plans.
  private final class Output: Sendable {
    let plan: Plan
    let target: any PourTarget
    let digests: SourceDigests?
    let magnitudes: Magnitudes
    /// By number.
    let finished: Mutex<[Int: FinishedTensor]>

    init(
      _ plan: Plan, _ target: any PourTarget, _ digests: SourceDigests?, _ finished: [Int: FinishedTensor], workers: Int
    ) async throws(FileError) {
      self.plan = plan
      self.target = target
      self.digests = digests
      magnitudes = try await plan.magnitudes(but: Set(finished.keys), workers: workers)
      self.finished = Mutex(finished)
    }
  }

  /// - Parameter plans: of one model, with the same adapters; those that record provenance share the digests of its tensors.
  init(
    _ plans: [Plan], into targets: [any PourTarget], workers: Int,
    onEvent: @escaping @Sendable (_ plan: Int, PourEvent) -> Void
  ) async throws(FileError) {
    self.workers = Workers(count: max(1, workers))
    self.onEvent = onEvent
    var digests: SourceDigests?
    var outputs: [Output] = []
    for (number, (plan, target)) in zip(plans, targets).enumerated() {
      if digests == nil, plan.provenance != nil { digests = SourceDigests(of: plan.sources) }
      let own = plan.provenance.flatMap { _ in digests }
      let finished = try plan.finishedTensors(of: target, own)
      if !finished.isEmpty {
        onEvent(number, .resumed(tensorCount: finished.count))
        onEvent(number, .advanced(elements: finished.keys.reduce(0) { $0 + plan.tensors[$1].elementCount }))
      }
      outputs.append(try await Output(plan, target, own, finished, workers: workers))
    }
    self.outputs = outputs
  }

  /// Pours weights that are not there yet.
  func pour(where isChosen: (PlannedTensor) -> Bool) async throws(FileError) {
    let queue = SlabQueue(outputs.map(\.plan), try bundles(where: isChosen))
    try await workers.work(
      taking: { queue.next() },
      with: { [self] _ in
        let values = SlabValues()
        return outputs.map {
          PourWorker(plan: $0.plan, output: $0.target, magnitudes: $0.magnitudes, values: values)
        }
      }
    ) { [self] (slabs, workers) throws(FileError) in
      for slab in slabs { try pour(slab, by: workers[slab.plan]) }
    }
  }

  private func pour(_ slab: Slab, by worker: PourWorker) throws(FileError) {
    try worker.pour(slab)
    onEvent(slab.plan, .advanced(elements: slab.elements.count))
    guard let share = slab.progress.finishSlab() else { return }
    let output = outputs[slab.plan]
    let planned = output.plan.tensors[slab.tensor]
    guard share == 1 else {
      try output.digests?.follow(planned.rows.storedTensors(), share: share)
      return
    }
    try worker.finish(slab)
    let tensor = FinishedTensor(
      relativeChange: slab.progress.relativeChange(),
      digests: try output.digests?.digests(of: planned.rows.storedTensors()) ?? [])
    try output.target.finish(item: slab.tensor, note: tensor.note)
    output.finished.withLock { $0[slab.tensor] = tensor }
    onEvent(slab.plan, .finished(planned))
  }

  /// The weights that are to be poured: together what several plans compute from the same values, in the order of the first.
  /// What takes longest begins first, so that no worker is left alone with it.
  private func bundles(where isChosen: (PlannedTensor) -> Bool) throws(FileError) -> [[PlacedWeight]] {
    var bundles: [(weights: [PlacedWeight], cost: Double, order: Int)] = []
    var places: [String: Int] = [:]
    for (number, output) in outputs.enumerated() {
      let known = output.finished.withLock { Set($0.keys) }
      let order = try output.plan.orderOfReading()
      for (tensor, planned) in output.plan.tensors.enumerated() where !known.contains(tensor) && isChosen(planned) {
        let (weight, cost) = (PlacedWeight(plan: number, tensor: tensor), planned.calibratingCost)
        let values = outputs.count > 1 && planned.readsValues ? "\(planned.rows.derivation)" : nil
        if let values, let place = places[values] {
          bundles[place].weights.append(weight)
          bundles[place].cost += cost
        } else {
          if let values { places[values] = bundles.count }
          bundles.append(([weight], cost, order[tensor]))
        }
      }
    }
    return bundles.indices.sorted {
      (bundles[$1].cost, bundles[$0].order, $0) < (bundles[$0].cost, bundles[$1].order, $1)
    }.map { bundles[$0].weights }
  }

  /// Writes what stands before and beside the weights of a plan, all of which are there.
  /// - Parameters:
  ///   - number: of the plan.
  ///   - plan: what is written.
  func finish(_ number: Int, as plan: Plan) throws(FileError) -> PourReport {
    let output = outputs[number]
    guard plan.files.map(\.name) == output.plan.files.map(\.name),
      plan.files.map(\.byteCount) == output.plan.files.map(\.byteCount)
    else {
      throw FileError(
        .mismatch, path: plan.destination.path,
        "would be another output than was begun; was the model changed meanwhile?")
    }
    let wholes = try output.digests?.wholes() ?? []
    try output.plan.requireUnchangedSources()
    let fast = wholes.map(\.fast.description)
    try plan.pourHeaders(into: output.target, fast, sidecars: output.plan.sidecars)
    return PourReport(
      byteCount: plan.byteCount, movements: movements(number), sourceDigests: fast,
      formerSourceDigests: wholes.map { $0.fast(by: .first).description })
  }

  /// The same of a part of a plan: the digests of whole sources are not known yet.
  func finish(part: PlanPart, _ number: Int) throws(FileError) -> PourReport {
    try part.plan.requireUnchangedSources()
    try part.plan.pourHeaders(into: outputs[number].target, nil, sidecars: part.plan.sidecars)
    return PourReport(byteCount: part.plan.byteCount, movements: movements(number))
  }

  /// Digests of stored tensors of each source, by what was read while a plan was poured; what was not is read now.
  func digests(_ number: Int, of tensors: [[TensorDescriptor]]) throws(FileError) -> [[PartRecord.Tensor]] {
    guard let digests = outputs[number].digests else { return [] }
    var found: [[PartRecord.Tensor]] = []
    for (input, tensors) in tensors.enumerated() {
      let known = try digests.digests(of: tensors.map { TensorReference($0.name, input: input) })
      found.append(
        zip(tensors, known).map {
          PartRecord.Tensor(name: $0.name, type: $0.encoding.name, shape: $0.shape, digest: $1)
        })
    }
    return found
  }

  private func movements(_ number: Int) -> [PourReport.Movement] {
    let (plan, finished) = (outputs[number].plan, outputs[number].finished.withLock { $0 })
    return plan.tensors.indices.compactMap { number in
      guard plan.tensors[number].isMerged, let tensor = finished[number] else { return nil }
      return PourReport.Movement(name: plan.tensors[number].name, relativeChange: tensor.relativeChange)
    }
  }
}

extension PlannedTensor {
  /// Whether it is computed from the values of its rows, rather than copied or repacked.
  fileprivate var readsValues: Bool {
    switch action {
    case .encode: true
    case .group(let output):
      if case .values = output.origin { true } else { false }
    case .copyRows, .copyStored: false
    }
  }
}
