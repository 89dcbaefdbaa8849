internal import Bytes
internal import Calibration
internal import Conversion
internal import Evaluation

/// What is done with an output that a calibration chooses codes for, beside pouring it: the output of the types' own encoders is made
/// too, both are measured on text that the calibration has held back, and the better one is kept.
final class CalibratedJob {
  private(set) var report: CalibrationReport
  private let calibrating: Job.Calibrating
  private let recipe: Recipe
  private let destination: Destination
  private let workers: Int
  private let gate: CalibrationGate?
  private let reference: (Destination) throws -> Plan
  private var measured: [CalibrationGate.Measure] = []

  /// - Parameter reference: plans the same output with codes of the types' own encoders.
  init(
    _ calibrating: Job.Calibrating, _ recipe: Recipe, _ destination: Destination, workers: Int,
    reference: @escaping (Destination) throws -> Plan
  ) throws {
    self.calibrating = calibrating
    self.recipe = recipe
    self.destination = destination
    self.workers = workers
    self.reference = reference
    report = CalibrationReport(gains: [])
    gate =
      calibrating.isMeasured
      ? try CalibrationGate(calibrating.calibration, before: calibrating.before, workers: Workers(count: workers)) : nil
  }

  /// Makes and measures the output of the types' own encoders, and removes it.
  func measureReference(isResuming: Bool) async throws {
    guard let gate else { return }
    let plan = try reference(destination.hidden(.reference))
    StatusLine.shared.begin("encoding with the types' own encoders, to measure against")
    do {
      let poured = try await plan.pour(workers: workers, isResuming: isResuming)
      Terminal.tellLeft(poured.leftovers)
      do {
        measured = try await gate.measure(plan.outputPath) { [count = gate.windowCount] in
          StatusLine.shared.begin("measuring the types' own encoders: window \($0) of \(count)")
        }
      } catch {
        try plan.removeOutput()
        throw error
      }
    } catch let error as FileError where error.code == .interrupted {
      throw FileError(.interrupted, path: destination.path, "interrupted before it was begun")
    }
    try plan.removeOutput()
  }

  /// Measures the output, and replaces it where the other one is better.
  func measureOutput(_ plan: Plan) async throws {
    report = CalibrationReport(gains: recipe.gains.all)
    guard let gate else { return }
    let found: [CalibrationGate.Measure]
    do {
      found = try await gate.measure(plan.outputPath) { [count = gate.windowCount] in
        StatusLine.shared.begin("measuring the output: window \($0) of \(count)")
      }
    } catch let error as FileError where error.code == .interrupted {
      throw FileError(
        .interrupted, path: destination.path,
        "interrupted; the output is complete, but was not measured beside that of the types' own encoders")
    }
    report.measured = (measured, found)
    guard CalibrationGate.mean(found) > CalibrationGate.mean(measured), !calibrating.keepsWorse else { return }
    report.isKept = false
    let other = try reference(
      Destination(
        path: destination.path, container: destination.container, maximumFileBytes: destination.maximumFileBytes,
        replacesExisting: true, recordsProvenance: destination.recordsProvenance))
    do throws(FileError) {
      Terminal.tellLeft(try await other.pour(workers: workers).leftovers)
    } catch {
      guard error.code == .interrupted else { throw error }
      throw FileError(
        .interrupted, path: destination.path,
        "interrupted; the output is complete, but measured worse than that of the types' own encoders, which was to replace it"
      )
    }
  }
}
