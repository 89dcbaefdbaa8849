internal import Bytes
internal import Conversion
internal import GGUF
internal import JSON
internal import Tensors

/// What `inspect` shows of a path.
enum Inspected {
  case model(InspectionReport)
  case importance(ImportanceReport)
  case adapter(AdapterReport)
  case calibration(CalibrationFileReport)

  /// - Throws: `FileError` when it is nothing of that.
  init(path: String) throws(FileError) {
    if try AdapterSummary.isAdapter(path) {
      self = .adapter(AdapterReport(try AdapterSummary(path: path)))
      return
    }
    if try FileSystem.isFile(path), let calibration = try CalibrationFile(ifThereIsOneAt: path) {
      self = .calibration(try CalibrationFileReport(calibration))
      return
    }
    do throws(FileError) {
      let inspection = try Inspection(path: path)
      if let metadata = inspection.metadata, AdapterSummary.isAdapter(metadata) {
        self = .adapter(AdapterReport(try AdapterSummary(path: path), file: InspectionReport(inspection)))
      } else if inspection.metadata?["general.type"]?.string == "imatrix" {
        self = .importance(try ImportanceReport(path: path, matrix: try ImportanceMatrix(path: path)))
      } else {
        self = .model(InspectionReport(inspection))
      }
    } catch {
      // Nothing tells an importance matrix of the old form but that it can be read as one.
      guard try FileSystem.isFile(path), let matrix = try? ImportanceMatrix(path: path) else { throw error }
      self = .importance(try ImportanceReport(path: path, matrix: matrix))
    }
  }

  func write(
    tensors: Bool, metadata: Bool, isVerbose: Bool, _ line: (String) throws(FileError) -> Void
  ) throws(FileError) {
    switch self {
    case .model(let report):
      try report.write(tensors: tensors, metadata: metadata, isVerbose: isVerbose, line)
    case .importance(let report):
      try report.write(tensors: tensors, line)
    case .adapter(let report):
      try report.write(tensors: tensors, metadata: metadata, isVerbose: isVerbose, line)
    case .calibration(let report):
      try report.write(tensors: tensors, line)
    }
  }

  func json(tensors: Bool, metadata: Bool, isVerbose: Bool) -> JSONValue {
    switch self {
    case .model(let report): report.json(tensors: tensors, metadata: metadata, isVerbose: isVerbose)
    case .importance(let report): report.json(tensors: tensors)
    case .adapter(let report): report.json(tensors: tensors, metadata: metadata, isVerbose: isVerbose)
    case .calibration(let report): report.json
    }
  }
}
