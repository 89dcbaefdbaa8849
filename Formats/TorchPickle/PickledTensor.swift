/// A tensor as the pickle describes it: a view of a storage, by numbers in the lists of the `PickleMachine`.
enum PickledTensor {
  /// - Parameters:
  ///   - offset: elements of the storage before the first.
  ///   - elementType: nil for that of the storage.
  ///   - metadata: what is said besides: nothing, or a value that the file has there.
  case view(
    storage: Int, offset: Int, sizes: PickleValue, strides: PickleValue, elementType: TorchElementType?,
    metadata: PickleValue)
  /// One that is not read, and what is said of it.
  case other(String)
}
