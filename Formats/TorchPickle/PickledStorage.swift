internal import Tensors

/// A storage as the pickle names it: a run of elements that tensors are views of.
struct PickledStorage: Equatable {
  /// Its name in the file.
  let key: String
  /// Nil where the elements are bytes.
  let elementType: TorchElementType?
  /// Elements of the whole.
  let wholeCount: Int
  /// Those that this is, where it is a part of the one in the file.
  let elements: Range<Int>
  /// Whether it is said to be on the device `meta`, where there is no data.
  let isMeta: Bool

  /// Bytes of the whole; nil where that is beyond 63 bits, or the type has no size that is known here.
  var byteCount: Int? {
    guard let elementType else { return wholeCount }
    return elementType.encoding?.byteCount(elements: wholeCount)
  }
}
