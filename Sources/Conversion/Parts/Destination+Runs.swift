internal import Bytes

extension Destination {
  /// The stored tensors of each file, by their numbers, where the number of files is given; nil where it is not. What a weight
  /// becomes stays together.
  /// - Throws: `FileError` where there are fewer weights than files.
  func runs(of tensors: [PlannedTensor]) throws(FileError) -> [Range<Int>]? {
    guard let fileCount else { return nil }
    let division = CostRuns(tensors.map(\.pouringCost), count: fileCount)
    guard division.runs.count == fileCount else {
      throw FileError(
        .unsupported, path: path,
        "would be \(fileCount) files, but has \(tensors.count) tensors, and a file needs at least one; take fewer parts"
      )
    }
    var (runs, start) = ([Range<Int>](), 0)
    for run in division.runs {
      let end = start + tensors[run].reduce(0) { $0 + $1.planes.count }
      runs.append(start..<end)
      start = end
    }
    return runs
  }
}
