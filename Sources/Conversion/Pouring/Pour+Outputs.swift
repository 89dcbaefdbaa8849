internal import Bytes
internal import Tensors

extension Pour {
  /// Makes outputs together, and gives them their names when all are on disk. What an earlier run of the same job has completed
  /// is not made again.
  /// - Parameter onEvent: is told of which output something is, by its number.
  static func carryOut(
    _ outputs: [any PouredOutput], workers: Int, isResuming: Bool,
    onEvent: @escaping @Sendable (_ output: Int, PourEvent) -> Void
  ) async throws(FileError) -> [PourReport] {
    var reports = outputs.map { PourReport(byteCount: $0.plan.byteCount) }
    var complete: [(number: Int, output: CompleteOutput)] = []
    var begun: [(number: Int, output: StagedOutput, fingerprint: String)] = []
    do throws(FileError) {
      for (number, output) in outputs.enumerated() {
        // They may have been opened long ago.
        try output.plan.requireUnchangedSources()
        let fingerprint = output.jobFingerprint(of: try output.plan.sourceFingerprint())
        var isThere = try output.prepare(fingerprint, isResuming: isResuming)
        if !isThere, isResuming,
          let left = try CompleteOutput(
            output.kind, in: output.folderPath, files: output.stagedFiles,
            sources: output.plan.sources.flatMap(\.inputFiles), fingerprint: fingerprint)
        {
          complete.append((number, left))
          isThere = true
        }
        guard !isThere else {
          reports[number].wasThere = true
          onEvent(number, .isThere(name: output.name))
          onEvent(number, .advanced(elements: output.plan.parameterCount))
          continue
        }
        let staged = try output.staged(fingerprint, isResuming: isResuming) { onEvent(number, $0) }
        begun.append((number, staged, fingerprint))
      }
      let numbers = begun.map(\.number)
      let pour = try await Pour(
        begun.map { outputs[$0.number].plan }, into: begun.map { outputs[$0.number].target($0.output) },
        workers: workers
      ) { onEvent(numbers[$0], $1) }
      try await pour.pour { _ in true }
      for (place, begun) in begun.enumerated() {
        reports[begun.number] = try outputs[begun.number].finish(place, of: pour, begun.output, begun.fingerprint)
      }
      for (begun, left) in zip(begun, try StagedOutput.commit(begun.map(\.output))) {
        reports[begun.number].leftovers = left
      }
    } catch {
      let placed = begun.filter(\.output.isPlaced).map { outputs[$0.number].name }
      // The first tells what is left to go on with.
      var failure = begun.reversed().reduce(error) { $1.output.stopped(by: $0) }
      if failure.code == .interrupted, begun.count > 1 {
        failure = failure.with(path: begun.map { outputs[$0.number].name }.joined(separator: ", "))
      }
      throw placed.isEmpty
        ? failure : failure.with(message: "\(failure.message); \(placed.joined(separator: ", ")) is complete")
    }
    for (number, output) in complete {
      var left = FileErrors()
      left.attempt { () throws(FileError) in try output.conclude() }
      reports[number].leftovers = left.all
    }
    return reports
  }
}
