internal import Bytes

/// What is in a file, whichever of the two forms it has: the value that was saved, and where the storages lie.
struct TorchContents {
  let machine: PickleMachine
  let root: PickleValue
  /// Where each of the machine's storages begins in the file; nil for one that is not there.
  let places: [Int?]
  /// Whether numbers are stored with their most significant byte first.
  let isBigEndian: Bool
  var remarks: [String] = []
}
